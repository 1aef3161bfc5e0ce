// modes: userPool,apiKey | apiKey,userPool | iam,userPool,apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a.schema({
    Public: a
        .model({ kids: a.hasMany('Private', 'publicId'), one: a.hasOne('Owned', 'publicId') })
        .authorization((allow) => [allow.publicApiKey()]),
    Private: a
        .model({ publicId: a.id(), parent: a.belongsTo('Public', 'publicId') })
        .authorization((allow) => [allow.authenticated()]),
    Owned: a
        .model({ publicId: a.id(), parent: a.belongsTo('Public', 'publicId') })
        .authorization((allow) => [allow.owner().to(['read'])]),
    GuestBook: a
        .model({ entries: a.hasMany('Entry', 'bookId') })
        .authorization((allow) => [allow.guest().to(['read'])]),
    Entry: a
        .model({ bookId: a.id().required(), book: a.belongsTo('GuestBook', 'bookId') })
        .disableOperations(['list'])
        .authorization((allow) => [allow.owner().to(['create']), allow.guest().to(['get'])]),
});
