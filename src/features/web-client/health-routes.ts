import { anyone } from '../../kernel/http/access.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, Obj } from '../../kernel/http/shapes.ts';

interface HealthDependencies {
  /** Whether the start is over. */
  started: () => boolean;
  pingDatabase: () => Promise<void>;
  /** Null when no Redis is configured. */
  pingRedis: (() => Promise<void>) | null;
}

const reply = Obj({ status: Bool() });

/** /health, /ready and /health/db (configuration note, 5.4). HEAD too: monitors use it. */
export function healthRoutes({ started, pingDatabase, pingRedis }: HealthDependencies): Route[] {
  const common = { method: ['GET' as const, 'HEAD' as const], access: anyone, reply, tag: 'health' };
  return [
    route({ ...common, url: '/health', handler: () => ({ status: true }) }),
    route({
      ...common,
      url: '/ready',
      handler: async () => {
        if (!started()) throw new HttpError(503, 'Startup not complete');
        await pingDatabase().catch(unready('Database not ready'));
        await pingRedis?.().catch(unready('Redis not ready'));
        return { status: true };
      },
    }),
    route({
      ...common,
      url: '/health/db',
      handler: async () => {
        await pingDatabase();
        return { status: true };
      },
    }),
  ];
}

function unready(detail: string) {
  return (cause: unknown) => {
    throw new HttpError(503, detail, { cause });
  };
}
