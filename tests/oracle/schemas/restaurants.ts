// modes: apiKey | apiKey,userPool
import { a } from '@aws-amplify/data-schema';

export const schema = a
    .schema({
        Restaurant: a.model({
            name: a.string().required(),
            cuisine: a.enum(['ITALIAN', 'THAI']),
            tags: a.hasMany('RestaurantTag', 'restaurantId'),
            menus: a.hasMany('Menu', 'restaurantId'),
        }),
        Tag: a.model({ label: a.string().required(), restaurants: a.hasMany('RestaurantTag', 'tagId') }),
        RestaurantTag: a.model({
            restaurantId: a.id().required(),
            tagId: a.id().required(),
            restaurant: a.belongsTo('Restaurant', 'restaurantId'),
            tag: a.belongsTo('Tag', 'tagId'),
        }),
        Menu: a
            .model({
                restaurantId: a.id().required(),
                season: a.string().required(),
                restaurant: a.belongsTo('Restaurant', 'restaurantId'),
                dishes: a.hasMany('Dish', ['menuRestaurantId', 'menuSeason']),
            })
            .identifier(['restaurantId', 'season']),
        Dish: a.model({
            menuRestaurantId: a.id(),
            menuSeason: a.string(),
            menu: a.belongsTo('Menu', ['menuRestaurantId', 'menuSeason']),
            price: a.float(),
        }),
    })
    .authorization((allow) => [allow.publicApiKey()]);
