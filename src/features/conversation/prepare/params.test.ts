import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyParams, expandControls, mergeParams } from './params.ts';

describe('parameters of a turn', () => {
  it('lets the request win over the model and the model over the defaults', () => {
    const merged = mergeParams(
      { temperature: 0.1, top_p: 0.5, custom_params: { one: 1, two: 1 } },
      { temperature: 0.2, seed: 11, model_controls: { effort: {} }, custom_params: { two: 2 } },
      { temperature: 0.9, seed: null, custom_params: { three: 3 }, model_controls: {} },
    );
    assert.deepEqual(merged, {
      temperature: 0.9,
      top_p: 0.5,
      seed: 11,
      custom_params: { one: 1, two: 2, three: 3 },
    });
  });

  it('reads parameters of any kind as none', () => {
    assert.deepEqual(mergeParams(null, 'x', undefined), {});
  });

  it('keeps the keys of the server here', () => {
    const params = { function_calling: 'native', stream_delta_chunk_size: 5, system: 'x', temperature: 1, seed: null };
    assert.deepEqual(applyParams({ model: 'm' }, params, { ollama: false }), { model: 'm', temperature: 1 });
  });

  it('leaves what the request has at its top level', () => {
    assert.deepEqual(applyParams({ temperature: 0.55 }, { temperature: 0.9, seed: 1 }, { ollama: false }), {
      temperature: 0.55,
      seed: 1,
    });
  });

  it('decodes custom parameters and merges them deeply', () => {
    const custom_params = { answer: '42', text: 'plain', nested: '{"a": [1, 2]}', extra: { b: 2 } };
    assert.deepEqual(applyParams({}, { extra: { a: 1 }, custom_params }, { ollama: false }), {
      answer: 42,
      text: 'plain',
      nested: { a: [1, 2] },
      extra: { a: 1, b: 2 },
    });
  });

  it('reads a logit bias from text and refuses what is none', () => {
    const read = (logit_bias: unknown) => applyParams({}, { logit_bias }, { ollama: false }).logit_bias;
    assert.deepEqual(read('5:-150, 6:20'), { 5: -100, 6: 20 });
    assert.deepEqual(read({ 5: 1 }), { 5: 1 });
    assert.throws(() => read('5=1'), { status: 400 });
  });

  it('gives models of Ollama their options, the request winning', () => {
    const body = { model: 'm', options: { num_ctx: 1 } };
    assert.deepEqual(applyParams(body, { temperature: 1, num_ctx: 2 }, { ollama: true }), {
      model: 'm',
      options: { temperature: 1, num_ctx: 1 },
    });
  });
});

describe('controls of a model', () => {
  const controls = {
    effort: { default: 'low', options: { low: { params: { e: { x: 1 } } }, high: { params: { e: { y: 2 } } } } },
    speed: { options: { fast: { params: { s: 1 } } } },
  };

  it('takes the picked option, else the default, else nothing', () => {
    assert.deepEqual(expandControls(controls, undefined), { e: { x: 1 } });
    assert.deepEqual(expandControls(controls, { effort: 'high', speed: 'fast', gone: 'x' }), { e: { y: 2 }, s: 1 });
  });

  it('refuses an option that is gone', () => {
    assert.throws(() => expandControls(controls, { speed: 'slow' }), {
      status: 400,
      detail: 'Model control speed: the selected option is no longer available.',
    });
    assert.throws(() => expandControls(controls, { speed: 'constructor' }), { status: 400 });
  });
});
