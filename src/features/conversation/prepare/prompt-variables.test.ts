import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { User } from '../../../kernel/http/principal.ts';
import { fillServerVariables, type PromptContext, resolvePrompt } from './prompt-variables.ts';

const user = {
  name: 'Ada',
  email: 'ada@example.com',
  bio: null,
  gender: '',
  date_of_birth: '2000-06-15',
  info: { location: 'Malmö' },
  variables: { city: 'Lund', odd: 5 },
} as unknown as User;
const context: PromptContext = {
  user,
  variables: {},
  chatVariables: {},
  groupNames: async () => ['Staff', 'Cooks'],
  now: new Date(2026, 5, 14, 15, 4, 5),
};

describe('variables of a prompt', () => {
  it('fills date, time and profile', async () => {
    const text = '{{CURRENT_DATE}}|{{CURRENT_TIME}}|{{CURRENT_DATETIME}}|{{CURRENT_WEEKDAY}}';
    assert.equal(await resolvePrompt(text, context), '2026-06-14|03:04:05 PM|2026-06-14 03:04:05 PM|Sunday');
    const who =
      '{{USER_NAME}} {{USER_EMAIL}} {{USER_BIO}} {{USER_GENDER}} {{USER_AGE}} {{USER_LOCATION}} {{USER_GROUPS}}';
    assert.equal(await resolvePrompt(who, context), 'Ada ada@example.com None None 25 Malmö Staff, Cooks');
    assert.equal(
      await fillServerVariables('{{USER_NAME}}{{USER_GROUPS}}', { ...context, user: null }),
      'UnknownUnknown',
    );
  });

  it('lets the client win over the server, literally', async () => {
    const variables = { '{{CURRENT_DATE}}': '$& today', '{{USER_LANGUAGE}}': 'de-DE' };
    assert.equal(
      await resolvePrompt('{{CURRENT_DATE}} {{USER_LANGUAGE}} {{NO_SUCH}}', { ...context, variables }),
      '$& today de-DE {{NO_SUCH}}',
    );
  });

  it('knows the variables of the user; unknown ones are empty', async () => {
    assert.equal(
      await resolvePrompt('{{user.variables.city}}/{{ user.variables.none | text }}/{{user.variables.odd}}', context),
      'Lund//',
    );
  });

  it('does not look groups up when no prompt asks', async () => {
    const groupNames = () => Promise.reject(new Error('asked'));
    assert.equal(await resolvePrompt('{{USER_NAME}}', { ...context, groupNames }), 'Ada');
  });
});
