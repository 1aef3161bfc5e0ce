import { CONNECTION_STATE_CHANGE, ConnectionState } from 'aws-amplify/data';
import { Hub } from 'aws-amplify/utils';
import { useEffect, useState } from 'react';

export type Connection = 'live' | 'connecting' | 'offline';

/** Whether changes made elsewhere arrive by themselves right now. */
export function useConnection(): Connection {
  const [connection, setConnection] = useState<Connection>('connecting');
  useEffect(
    () =>
      Hub.listen('api', ({ payload }) => {
        if (payload.event !== CONNECTION_STATE_CHANGE) return;
        const { connectionState } = payload.data as { connectionState: ConnectionState };
        setConnection(names[connectionState] ?? 'offline');
      }),
    [],
  );
  return connection;
}

const names: Partial<Record<ConnectionState, Connection>> = {
  [ConnectionState.Connected]: 'live',
  // The browser says there is no network, yet messages arrive: the backend may be this machine.
  [ConnectionState.ConnectedPendingNetwork]: 'live',
  [ConnectionState.Connecting]: 'connecting',
};
