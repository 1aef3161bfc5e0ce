// modes: userPool | userPool,apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a
    .schema({
        Room: a.model({
            topic: a.string(),
            messages: a.hasMany('Message', 'roomId'),
            members: a.hasMany('Membership', 'roomId'),
        }),
        Membership: a
            .model({
                roomId: a.id().required(),
                userId: a.id().required(),
                room: a.belongsTo('Room', 'roomId'),
                role: a.enum(['admin', 'member']),
            })
            .identifier(['roomId', 'userId']),
        Message: a
            .model({
                roomId: a.id().required(),
                room: a.belongsTo('Room', 'roomId'),
                content: a.string(),
                createdAt: a.datetime().required(),
                replyToId: a.id(),
                replyTo: a.belongsTo('Message', 'replyToId'),
                replies: a.hasMany('Message', 'replyToId'),
            })
            .secondaryIndexes((index) => [index('roomId').sortKeys(['createdAt']).queryField('messagesOfRoom')]),
        typing: a
            .mutation()
            .arguments({ roomId: a.id().required(), who: a.string().required() })
            .returns(a.customType({ roomId: a.id(), who: a.string() }))
            .handler(a.handler.custom({ entry: './typing.js' })),
        onTyping: a
            .subscription()
            .for(a.ref('typing'))
            .arguments({ roomId: a.id() })
            .handler(a.handler.custom({ entry: './on-typing.js' })),
    })
    .authorization((allow) => [allow.authenticated()]);
