import { CLIENT_VERSION, clientPlace, installClient, isInstalled } from '../features/web-client/index.ts';
import { type Command, readArguments, UsageError } from './command.ts';

const usage = `usage: loggia frontend install [--if-missing] [--wheel FILE]
       loggia frontend status

  install       download the official web client (Open WebUI ${CLIENT_VERSION}) with pip and keep it in the cache folder
  --if-missing  do nothing when it is there, or when FRONTEND_BUILD_DIR names another one
  --wheel       take it from this wheel file instead of downloading
  status        where the client is; exit code 1 when there is none

The folder is $XDG_CACHE_HOME/loggia (default ~/.cache/loggia). FRONTEND_BUILD_DIR names another built client.
`;

export const command: Command = {
  usage,
  async run(args) {
    const { values, positionals } = readArguments(args, usage, {
      'if-missing': { type: 'boolean' },
      wheel: { type: 'string' },
    });
    const [action, ...rest] = positionals;
    if (rest.length > 0 || (action !== 'install' && action !== 'status')) {
      throw new UsageError('frontend: say "install" or "status"', usage);
    }
    const place = clientPlace(process.env);
    const there = isInstalled(place);
    if (action === 'status') {
      const named = place.given ? ' (FRONTEND_BUILD_DIR)' : '';
      process.stdout.write(`${there ? 'web client in' : 'no web client in'} ${place.folder}${named}\n`);
      return there ? 0 : 1;
    }
    if (values['if-missing'] && (there || place.given)) return 0;
    const say = (line: string) => process.stderr.write(`[client] ${line}\n`);
    await installClient(place, { env: process.env, say, ...(values.wheel ? { wheel: values.wheel } : {}) });
    say(`the web client is in ${place.folder}`);
    return 0;
  },
};
