// modes: userPool,apiKey | apiKey,userPool
import { a } from '@aws-amplify/data-schema';

// A catalogue that everybody sees, what staff know about it, and orders of customers.
export const schema = a
    .schema({
        Size: a.enum(['S', 'M', 'L']),
        Article: a
            .model({
                sku: a.string().required(),
                color: a.string().required(),
                title: a.string(),
                sizes: a.ref('Size').array(),
                price: a.float(),
                cost: a.float().authorization((allow) => [allow.groups(['Admin', 'Red'])]),
                stock: a.integer().default(0).authorization((allow) => [allow.groups(['Admin', 'Red']), allow.publicApiKey().to(['read']), allow.guest().to(['read']), allow.authenticated().to(['read'])]),
                reviews: a.hasMany('Review', ['sku', 'color']),
            })
            .identifier(['sku', 'color'])
            .secondaryIndexes((index) => [index('color').sortKeys(['price'])]),
        Review: a
            .model({
                sku: a.string(),
                color: a.string(),
                article: a.belongsTo('Article', ['sku', 'color']),
                stars: a.integer().required(),
                text: a.string(),
                approved: a.boolean().authorization((allow) => [allow.group('Admin'), allow.owner().to(['read'])]),
            })
            .authorization((allow) => [allow.owner(), allow.publicApiKey().to(['read']), allow.group('Admin')]),
        Purchase: a
            .model({
                customer: a.string().required(),
                state: a.enum(['CART', 'PAID', 'SENT']),
                total: a.float().authorization((allow) => [allow.ownerDefinedIn('customer').identityClaim('username').to(['read']), allow.groups(['Admin', 'Blue'])]),
                items: a.hasMany('PurchaseItem', 'purchaseId'),
            })
            .secondaryIndexes((index) => [index('customer').sortKeys(['state'])])
            .authorization((allow) => [allow.ownerDefinedIn('customer').identityClaim('username').to(['create', 'read']), allow.groups(['Admin', 'Blue']).to(['read', 'update'])]),
        PurchaseItem: a
            .model({ purchaseId: a.id(), purchase: a.belongsTo('Purchase', 'purchaseId'), sku: a.string(), count: a.integer() })
            .authorization((allow) => [allow.ownerDefinedIn('customer').identityClaim('username'), allow.groups(['Admin', 'Blue']).to(['read'])]),
    })
    .authorization((allow) => [
        allow.publicApiKey().to(['read']),
        allow.guest().to(['read']),
        allow.authenticated().to(['read']),
        allow.groups(['Admin', 'Red']),
    ]);
