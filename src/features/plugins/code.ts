import { HttpError, wrapped } from '../../kernel/http/errors.ts';

/** Answer of what would have to run a plugin's Python code: this server keeps plugins, it does not run them yet. */
export function cannotRun(): HttpError {
  return new HttpError(400, wrapped('Python code of tools and functions cannot be run by this server'), {
    code: 'plugins.no_python',
  });
}
