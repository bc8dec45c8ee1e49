import type { Database } from '../../../kernel/database/index.ts';
import type { Route } from '../../../kernel/http/route.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import type { EventSink } from '../../configuration/index.ts';
import { type Background, createBackground } from './background.ts';
import { createTaskCaller, type TaskCaller, type TaskCallerDeps } from './caller.ts';
import { taskRoutes } from './routes.ts';

export type { Background } from './background.ts';
export type { TaskCaller } from './caller.ts';

export interface TasksDeps extends TaskCallerDeps {
  database: Database;
  config: Pick<Config, 'get' | 'stored' | 'put'>;
  events: EventSink;
  log: Pick<Log, 'warn'>;
}

/** What models are asked beside a conversation: its title, its tags, what could be asked next, search queries … */
export interface Tasks extends Background {
  /** `/api/v1/tasks`. */
  routes: Route[];
  /** For features that ask models for queries or image prompts. */
  caller: TaskCaller;
}

export function createTasks(deps: TasksDeps): Tasks {
  const caller = createTaskCaller(deps);
  return { ...createBackground({ ...deps, caller }), caller, routes: taskRoutes({ ...deps, caller }) };
}
