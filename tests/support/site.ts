import { type Account, addAccount, signUp } from './client.ts';
import { startServer, type TestServer } from './server.ts';
import { connectSocket, type TestSocket } from './socket.ts';

/** A server somebody uses. */
export interface Site {
  server: TestServer;
  admin: Account;
  /** Una, who is no administrator. */
  user: Account;
  /** Her tab. */
  socket: TestSocket;
}

/** Starts a server with an administrator, and Una at a tab. */
export async function startSite(options: Parameters<typeof startServer>[0] = {}): Promise<Site> {
  const server = await startServer(options);
  try {
    const admin = await signUp(server);
    const user = await addAccount(admin, 'una');
    return { server, admin, user, socket: await connectSocket(server.base, user) };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
