// modes: userPool,apiKey
import { a } from '@aws-amplify/data-schema';

// Sellers, bidders and what either sees of the other, several relations deep.
export const schema = a.schema({
    Lot: a
        .model({
            title: a.string().required(),
            seller: a.string(),
            reserve: a.float().authorization((allow) => [allow.ownerDefinedIn('seller')]),
            bids: a.hasMany('Bid', 'lotId'),
            winner: a.hasOne('Sale', 'lotId'),
        })
        .authorization((allow) => [allow.ownerDefinedIn('seller'), allow.publicApiKey().to(['read']), allow.authenticated().to(['read'])]),
    Bid: a
        .model({
            lotId: a.id().required(),
            lot: a.belongsTo('Lot', 'lotId'),
            bidder: a.string(),
            seller: a.string(),
            amount: a.float().required(),
            saleId: a.id(),
            sale: a.belongsTo('Sale', 'saleId'),
        })
        .secondaryIndexes((index) => [index('bidder').sortKeys(['lotId', 'amount']).queryField('bidsOf'), index('seller').sortKeys(['amount'])])
        .authorization((allow) => [allow.ownerDefinedIn('bidder').to(['create', 'read']), allow.ownerDefinedIn('seller').to(['read', 'delete']), allow.group('Admin')]),
    Sale: a
        .model({
            lotId: a.id(),
            lot: a.belongsTo('Lot', 'lotId'),
            parties: a.string().array(),
            price: a.float(),
            bids: a.hasMany('Bid', 'saleId'),
            shipment: a.hasOne('Shipment', 'saleId'),
        })
        .authorization((allow) => [allow.ownersDefinedIn('parties').to(['read']), allow.group('Admin')]),
    Shipment: a
        .model({ saleId: a.id(), sale: a.belongsTo('Sale', 'saleId'), address: a.string().authorization((allow) => [allow.ownerDefinedIn('buyer')]), buyer: a.string() })
        .authorization((allow) => [allow.ownerDefinedIn('buyer'), allow.ownerDefinedIn('carrier').to(['read', 'update'])]),
});
