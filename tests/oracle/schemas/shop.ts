// modes: userPool,apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a.schema({
    OrderStatus: a.enum(['ORDERED', 'SHIPPED', 'DELIVERED', 'CANCELED']),
    Address: a.customType({
        line1: a.string().required(),
        line2: a.string(),
        city: a.string().required(),
        country: a.string().required(),
        geo: a.customType({ lat: a.float().required(), long: a.float().required() }),
    }),
    Customer: a
        .model({
            customerId: a.id().required(),
            name: a.string(),
            phoneNumber: a.phone(),
            billing: a.ref('Address').required(),
            shipping: a.ref('Address').array(),
            accountRepresentativeId: a.id().required(),
            orders: a.hasMany('Order', 'customerId'),
            cart: a.hasOne('Cart', 'customerId'),
        })
        .identifier(['customerId'])
        .secondaryIndexes((index) => [
            index('accountRepresentativeId').sortKeys(['name']),
            index('phoneNumber').name('byPhone'),
        ])
        .authorization((allow) => [allow.owner(), allow.group('Admins')]),
    Cart: a
        .model({
            items: a.string().required().array().required(),
            customerId: a.id().required(),
            customer: a.belongsTo('Customer', 'customerId'),
        })
        .authorization((allow) => [allow.owner()]),
    Product: a
        .model({
            sku: a.string().required(),
            warehouse: a.string().required(),
            title: a.string().required(),
            price: a.float().required(),
            stock: a.integer().default(0),
            categories: a.hasMany('ProductCategory', ['productSku', 'productWarehouse']),
        })
        .identifier(['sku', 'warehouse'])
        .authorization((allow) => [allow.publicApiKey().to(['read']), allow.group('Admins')]),
    Category: a
        .model({ name: a.string().required(), products: a.hasMany('ProductCategory', 'categoryId') })
        .authorization((allow) => [allow.publicApiKey().to(['read']), allow.group('Admins')]),
    ProductCategory: a
        .model({
            productSku: a.string().required(),
            productWarehouse: a.string().required(),
            product: a.belongsTo('Product', ['productSku', 'productWarehouse']),
            categoryId: a.id().required(),
            category: a.belongsTo('Category', 'categoryId'),
        })
        .authorization((allow) => [allow.publicApiKey().to(['read']), allow.group('Admins')]),
    Order: a
        .model({
            customerId: a.id().required(),
            customer: a.belongsTo('Customer', 'customerId'),
            status: a.ref('OrderStatus').required(),
            placed: a.datetime(),
            total: a.float(),
        })
        .secondaryIndexes((index) => [
            index('customerId').sortKeys(['placed', 'total']).queryField('ordersByCustomer'),
            index('status').sortKeys(['placed']),
        ])
        .authorization((allow) => [allow.owner().to(['create', 'read']), allow.groups(['Admins', 'Support'])]),
});
