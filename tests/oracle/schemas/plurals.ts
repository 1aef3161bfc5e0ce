// modes: apiKey
import { a } from '@aws-amplify/data-schema';

const names = [
    'Person', 'Child', 'Mouse', 'Goose', 'Ox', 'Sheep', 'Fish', 'Series', 'Species', 'News', 'Data', 'Media', 'Index', 'Matrix', 'Vertex', 'Analysis', 'Crisis', 'Thesis', 'Bus', 'Status', 'Alias', 'Virus', 'Octopus',
    'Cactus', 'Address', 'Class', 'Box', 'Quiz', 'Buzz', 'Church', 'Dish', 'City', 'Boy', 'Day', 'Knife', 'Life', 'Wife',
    'Leaf', 'Roof', 'Chief', 'Hero', 'Potato', 'Photo', 'Piano', 'Zero', 'Foot', 'Tooth', 'Man', 'Woman', 'Human',
    'Equipment', 'Information', 'Money', 'Police', 'Schema', 'Criterion', 'Appendix', 'Axis', 'Genus',
    'Todos', 'Posts', 'A', 'AB', 'ABC', 'DNS', 'UserS', 'ItemX', 'X1', 'User_Profile', 'Post_',
    'APIKey', 'userInfo', 'camelCase', 'T2', 'This', 'Move', 'Sex', 'Whiskey', 'Eave', 'Yes', 'Gas', 'Process',
];
export const schema = a
    .schema(Object.fromEntries(names.map((name) => [name, a.model({ name: a.string().required() }).secondaryIndexes((i) => [i('name')])])))
    .authorization((allow) => [allow.publicApiKey()]);
