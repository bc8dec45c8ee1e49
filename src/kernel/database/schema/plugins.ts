import { boolean, defaulted, jsonColumn, jsonTextColumn, required, seconds, table, text, varchar } from '../columns.ts';

export const model = table(
  {
    id: required(text),
    user_id: text,
    base_model_id: text,
    name: text,
    params: jsonTextColumn,
    meta: jsonTextColumn,
    updated_at: seconds,
    created_at: seconds,
    is_active: defaulted(boolean, '1'),
    version_id: text,
  },
  { key: ['id'] },
);

export const model_history = table(
  {
    id: required(text),
    model_id: required(text),
    parent_id: text,
    snapshot: required(jsonColumn),
    user_id: required(text),
    commit_message: text,
    created_at: required(seconds),
  },
  { key: ['id'], indexes: [{ name: 'ix_model_history_model_id', on: ['model_id'] }] },
);

export const prompt = table(
  {
    id: required(text),
    command: varchar,
    user_id: required(varchar),
    name: required(text),
    content: required(text),
    data: jsonColumn,
    meta: jsonColumn,
    is_active: defaulted(boolean, "'1'"),
    version_id: text,
    tags: jsonColumn,
    created_at: required(seconds),
    updated_at: required(seconds),
  },
  {
    key: ['id'],
    keyName: 'prompt_new_pkey',
    indexes: [{ name: 'ix_prompt_new_command', on: ['command'], unique: true }],
  },
);

export const prompt_history = table(
  {
    id: required(text),
    prompt_id: required(text),
    parent_id: text,
    snapshot: required(jsonColumn),
    user_id: required(text),
    commit_message: text,
    created_at: required(seconds),
  },
  { key: ['id'], indexes: [{ name: 'ix_prompt_history_prompt_id', on: ['prompt_id'] }] },
);

export const tool = table(
  {
    id: required(varchar),
    user_id: varchar,
    name: text,
    content: text,
    specs: jsonTextColumn,
    meta: jsonTextColumn,
    valves: jsonTextColumn,
    updated_at: seconds,
    created_at: seconds,
    version_id: text,
  },
  { key: ['id'] },
);

export const tool_history = table(
  {
    id: required(text),
    tool_id: required(text),
    parent_id: text,
    snapshot: required(jsonColumn),
    user_id: required(text),
    commit_message: text,
    created_at: required(seconds),
  },
  { key: ['id'], indexes: [{ name: 'ix_tool_history_tool_id', on: ['tool_id'] }] },
);

export const functionTable = table(
  {
    id: required(varchar),
    user_id: varchar,
    name: text,
    type: text,
    content: text,
    meta: jsonTextColumn,
    valves: jsonTextColumn,
    is_active: boolean,
    is_global: boolean,
    updated_at: seconds,
    created_at: seconds,
    version_id: text,
  },
  { key: ['id'], indexes: [{ name: 'is_global_idx', on: ['is_global'] }] },
);

export const function_history = table(
  {
    id: required(text),
    function_id: required(text),
    parent_id: text,
    snapshot: required(jsonColumn),
    user_id: required(text),
    commit_message: text,
    created_at: required(seconds),
  },
  { key: ['id'], indexes: [{ name: 'ix_function_history_function_id', on: ['function_id'] }] },
);

export const skill = table(
  {
    id: required(varchar),
    user_id: required(varchar),
    name: required(text),
    description: text,
    content: required(text),
    meta: jsonColumn,
    is_active: required(boolean),
    updated_at: required(seconds),
    created_at: required(seconds),
    version_id: text,
    data: jsonColumn,
  },
  {
    key: ['id'],
    unique: [{ name: 'skill_name_key', on: ['name'] }],
    indexes: [
      { name: 'idx_skill_updated_at', on: ['updated_at'] },
      { name: 'idx_skill_user_id', on: ['user_id'] },
    ],
  },
);

export const skill_history = table(
  {
    id: required(text),
    skill_id: required(text),
    parent_id: text,
    snapshot: required(jsonColumn),
    user_id: required(text),
    commit_message: text,
    created_at: required(seconds),
  },
  { key: ['id'], indexes: [{ name: 'ix_skill_history_skill_id', on: ['skill_id'] }] },
);
