// modes: userPool,apiKey,oidc
import { a } from '@aws-amplify/data-schema';

// Two owner rules of different claims bring the same field twice: the official transformer writes it
// so, and no GraphQL server takes it.
export const schema = a.schema({
    Both: a.model({ t: a.string() }).authorization((x) => [x.owner(), x.owner('oidc').identityClaim('sub')]),
});
