import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readChatRequest } from './request.ts';

describe('the body of a completion request', () => {
  it('keeps what nobody here knows for the provider', () => {
    const { providerBody } = readChatRequest({
      model: 'm',
      messages: [],
      temperature: 1,
      seed: 7,
      chat_id: 'c',
      id: 'r',
    });
    assert.deepEqual(providerBody, { temperature: 1, seed: 7 });
  });

  it('reads replies from a list, a map or the single id', () => {
    const list = [
      { model_id: 'a', message_id: '1', modelIdx: 0 },
      { model_id: 'a', message_id: '2', modelIdx: 1 },
    ];
    assert.deepEqual(readChatRequest({ model: 'm', message_ids: list, id: 'x' }).replies, [
      { id: '1', model: 'a', modelIdx: 0 },
      { id: '2', model: 'a', modelIdx: 1 },
    ]);
    assert.deepEqual(readChatRequest({ model: 'm', message_ids: { a: '1' } }).replies, [{ id: '1', model: 'a' }]);
    assert.deepEqual(readChatRequest({ model: 'm', id: 'x' }).replies, [{ id: 'x', model: 'm' }]);
    assert.deepEqual(readChatRequest({ model: 'm' }).replies, []);
  });

  it('makes a chat only when parent_id is null and there is none', () => {
    assert.equal(readChatRequest({ parent_id: null }).createsChat, true);
    assert.equal(readChatRequest({}).createsChat, false);
    assert.equal(readChatRequest({ parent_id: 'p' }).createsChat, false);
    assert.equal(readChatRequest({ parent_id: null, chat_id: 'c' }).createsChat, false);
  });

  it('takes only placeholders as variables', () => {
    const variables = { '{{USER_NAME}}': 'Ada', 'You are': 'x', '{{ lower }}': 'y', '{{CURRENT_DATE}}': 5 };
    assert.deepEqual(readChatRequest({ variables }).variables, { '{{USER_NAME}}': 'Ada', '{{CURRENT_DATE}}': '5' });
  });

  it('tells a task that is off from one that was not asked for', () => {
    const background_tasks = { title_generation: true, tags_generation: false };
    assert.deepEqual(readChatRequest({ background_tasks }).backgroundTasks, { title: true, tags: false });
  });

  it('counts what is of another kind as absent', () => {
    const request = readChatRequest({
      model: 5,
      messages: 'x',
      params: null,
      chat_id: '',
      files: {},
      features: [],
      id: 3,
    });
    assert.equal(request.model, '');
    assert.deepEqual([request.messages, request.params, request.files, request.features], [[], {}, null, {}]);
    assert.deepEqual([request.chatId, request.replies], [null, []]);
  });
});
