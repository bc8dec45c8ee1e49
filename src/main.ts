import { existsSync } from 'node:fs';
import module from 'node:module';
import { join, resolve } from 'node:path';
import type { Command } from './commands/command.ts';
import { ownVersion } from './version.ts';

const root = resolve(import.meta.dirname, '..');

/** Each command's code is loaded only when it runs. */
const commands: Record<string, { summary: string; load: () => Promise<{ command: Command }> }> = {
  serve: { summary: 'start the server (default)', load: () => import('./commands/serve.ts') },
  migrate: { summary: 'create or check the database', load: () => import('./commands/migrate.ts') },
  doctor: { summary: 'say what works and what to do about what does not', load: () => import('./commands/doctor.ts') },
  routes: { summary: 'list every route and who may call it', load: () => import('./commands/routes.ts') },
  frontend: { summary: 'install the web client, or say where it is', load: () => import('./commands/frontend.ts') },
  user: { summary: 'give an account a new password', load: () => import('./commands/user.ts') },
  mfa: { summary: 'let the owner of a lost authenticator set up a new one', load: () => import('./commands/mfa.ts') },
};

function overview(): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`);
  return `usage: loggia [command] [options]

${lines.join('\n')}

  --version, --help; \`loggia <command> --help\` tells a command's options
`;
}

async function main([name = 'serve', ...args]: string[]): Promise<number> {
  if (name === '--version' || name === '-v') {
    process.stdout.write(`Loggia ${ownVersion()}\n`);
    return 0;
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(overview());
    return 0;
  }
  // `loggia --port 9000` serves.
  const [chosen, rest] = name.startsWith('-') ? ['serve', [name, ...args]] : [name, args];
  const entry = Object.hasOwn(commands, chosen) ? commands[chosen] : undefined;
  if (!entry) {
    process.stderr.write(`loggia: there is no command "${chosen}"\n\n${overview()}`);
    return 2;
  }
  const file = join(root, '.env');
  if (existsSync(file)) process.loadEnvFile(file);
  const { command } = await entry.load();
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(command.usage);
    return 0;
  }
  return command.run(rest);
}

// Compiled code is kept beside the dependencies: the second start is much faster than the first.
module.enableCompileCache(join(root, 'node_modules', '.cache', 'loggia'));

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const { explain } = await import('./commands/command.ts');
  process.stderr.write(`loggia: ${explain(error)}\n`);
  process.exitCode = (error as { exitCode?: number }).exitCode ?? 1;
}
