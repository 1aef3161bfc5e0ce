// modes: apiKey | userPool,apiKey
import { a } from '@aws-amplify/data-schema';

// A model of no operations that is listed by a relation only: the official transformer writes the
// filter of its enum by name, but not the type.
export const schema = a
    .schema({
        Recluse: a
            .model({ hermits: a.hasMany('Hermit', 'recluseId') })
            .disableOperations(['queries', 'mutations', 'subscriptions']),
        Hermit: a
            .model({ recluseId: a.id(), recluse: a.belongsTo('Recluse', 'recluseId'), moods: a.enum(['x', 'y']) })
            .disableOperations(['queries', 'mutations', 'subscriptions']),
    })
    .authorization((allow) => [allow.publicApiKey()]);
