// modes: apiKey | userPool,apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a
    .schema({
        Person: a.model({
            name: a.string().required(),
            written: a.hasMany('Article', 'authorId'),
            edited: a.hasMany('Article', 'editorId'),
            reviewed: a.hasMany('Article', 'reviewerId'),
            passport: a.hasOne('Passport', 'holderId'),
            visa: a.hasOne('Passport', 'visitorId'),
            managerId: a.id(),
            manager: a.belongsTo('Person', 'managerId'),
            reports: a.hasMany('Person', 'managerId'),
            mentorId: a.id(),
            mentor: a.belongsTo('Person', 'mentorId'),
            mentee: a.hasOne('Person', 'mentorId'),
        }),
        Article: a.model({
            title: a.string().required(),
            authorId: a.id().required(),
            author: a.belongsTo('Person', 'authorId'),
            editorId: a.id(),
            editor: a.belongsTo('Person', 'editorId'),
            reviewerId: a.string(),
            reviewer: a.belongsTo('Person', 'reviewerId'),
        }),
        Passport: a.model({
            number: a.string(),
            holderId: a.id(),
            holder: a.belongsTo('Person', 'holderId'),
            visitorId: a.id(),
            visitor: a.belongsTo('Person', 'visitorId'),
        }),
        Tree: a
            .model({
                forest: a.id().required(),
                number: a.integer().required(),
                parentForest: a.id(),
                parentNumber: a.integer(),
                parent: a.belongsTo('Tree', ['parentForest', 'parentNumber']),
                children: a.hasMany('Tree', ['parentForest', 'parentNumber']),
            })
            .identifier(['forest', 'number']),
        Deep: a
            .model({
                a: a.id().required(),
                b: a.string().required(),
                c: a.datetime().required(),
                leaves: a.hasMany('DeepLeaf', ['da', 'db', 'dc']),
                crown: a.hasOne('DeepLeaf', ['ca', 'cb', 'cc']),
            })
            .identifier(['a', 'b', 'c']),
        DeepLeaf: a
            .model({
                da: a.id().required(),
                db: a.string().required(),
                dc: a.datetime().required(),
                of: a.belongsTo('Deep', ['da', 'db', 'dc']),
                ca: a.id(),
                cb: a.string(),
                cc: a.datetime(),
                crownOf: a.belongsTo('Deep', ['ca', 'cb', 'cc']),
            })
            .secondaryIndexes((index) => [index('da').sortKeys(['dc'])]),
        Hidden: a
            .model({ label: a.string(), hiddenKids: a.hasMany('HiddenKid', 'hiddenId') })
            .disableOperations(['list']),
        HiddenKid: a
            .model({ hiddenId: a.id(), hidden: a.belongsTo('Hidden', 'hiddenId'), color: a.enum(['R', 'G']) })
            .disableOperations(['queries', 'subscriptions']),
    })
    .authorization((allow) => [allow.publicApiKey()]);
