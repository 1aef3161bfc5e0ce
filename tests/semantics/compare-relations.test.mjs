// Relations in queries and in what mutations return; rules of models and fields for an API key.
import { compareSuite } from './lib/both.mjs';

const OPEN = '@auth(rules: [{ allow: public, provider: apiKey }])';
const sorted = (text) => [text, {}, { sorted: true }];

compareSuite('relations', `
type Post @model ${OPEN} { title: String comments: [Comment] @hasMany(references: ["postId"]) cover: Cover @hasOne(references: ["postId"]) parentId: ID parent: Post @belongsTo(references: ["parentId"]) replies: [Post] @hasMany(references: ["parentId"]) }
type Comment @model ${OPEN} { text: String postId: ID post: Post @belongsTo(references: ["postId"]) n: Int }
type Cover @model ${OPEN} { url: String postId: ID post: Post @belongsTo(references: ["postId"]) }
type Shop @model ${OPEN} { tenant: ID! @primaryKey(sortKeyFields: ["name"]) name: String! items: [Item] @hasMany(references: ["shopTenant", "shopName"]) desk: Desk @hasOne(references: ["shopTenant", "shopName"]) }
type Item @model ${OPEN} { shopTenant: ID shopName: String shop: Shop @belongsTo(references: ["shopTenant", "shopName"]) text: String }
type Desk @model ${OPEN} { shopTenant: ID shopName: String shop: Shop @belongsTo(references: ["shopTenant", "shopName"]) text: String }
type Grid @model ${OPEN} { a: ID! @primaryKey(sortKeyFields: ["b", "n"]) b: String! n: Int! cells: [Cell] @hasMany(references: ["ga", "gb", "gn"]) }
type Cell @model ${OPEN} { ga: ID gb: String gn: Int grid: Grid @belongsTo(references: ["ga", "gb", "gn"]) text: String }
`, (script) => {
    script('one to many, one to one, to itself', [
        'mutation { createPost(input: {id: "p", title: "P"}) { id comments { items { id } nextToken } cover { id } parent { id } replies { items { id } } } }',
        'mutation { createPost(input: {id: "q", title: "Q", parentId: "p"}) { id parent { id title replies { items { id } } } } }',
        ...['a', 'b', 'c'].map((id, n) => `mutation { createComment(input: {id: "${id}", text: "t${id}", postId: "p", n: ${n}}) { id text post { id title comments { nextToken } } } }`),
        'mutation { createComment(input: {id: "d", text: "orphan"}) { id post { id } } }',
        'mutation { createComment(input: {id: "e", postId: "gone"}) { id post { id } } }',
        'mutation { createComment(input: {id: "f", postId: null}) { id post { id } } }',
        'mutation { createComment(input: {id: "g", postId: " "}) { id post { id } } }',
        'mutation { createCover(input: {id: "v", url: "u", postId: "p"}) { id post { cover { url } } } }',
        sorted('query { getPost(id: "p") { comments { items { id text post { id } } nextToken } cover { url post { title } } replies { items { id parent { id } } } parent { id } } }'),
        'query { getPost(id: "q") { comments { items { id } nextToken } cover { url } parent { title cover { url } } } }',
        sorted('query { listPosts { items { id comments { items { id } } } } }'),
        sorted('query { listComments { items { id post { id } } } }'),
        sorted('query { getPost(id: "p") { comments(filter: {n: {gt: 0}}) { items { id } } } }'),
        'query { getPost(id: "p") { comments(filter: {text: {eq: "x"}}, limit: 1) { items { id } nextToken } } }',
        'query { getPost(id: "p") { comments(filter: {postId: {eq: "p"}}) { items { id } } } }',
        'query { getPost(id: "p") { comments(limit: 0) { items { id } } } }',
        'query { getPost(id: "p") { comments(limit: 2) { nextToken } } }',
        'mutation { updateComment(input: {id: "a", postId: null}) { id post { id } } }',
        'mutation { updateComment(input: {id: "b", postId: "q"}) { id post { id title } } }',
        sorted('query { getPost(id: "p") { comments { items { id } } } }'),
        'mutation { deletePost(input: {id: "p"}) { id comments { items { id } } cover { url } } }',
        'query { getComment(id: "c") { id post { id } } }',
    ]);

    script('keys of two fields', [
        'mutation { createShop(input: {tenant: "t", name: "n"}) { tenant items { items { text } nextToken } desk { text } } }',
        'mutation { createShop(input: {tenant: "t", name: "m"}) { tenant items { items { text } } desk { text } } }',
        'mutation { createItem(input: {shopTenant: "t", shopName: "n", text: "1"}) { text shop { tenant name } } }',
        'mutation { createItem(input: {shopTenant: "t", shopName: "n", text: "2"}) { text shop { tenant name } } }',
        'mutation { createItem(input: {shopTenant: "t", text: "3"}) { text shop { tenant name } } }',
        'mutation { createItem(input: {shopName: "n", text: "4"}) { text shop { tenant name } } }',
        'mutation { createItem(input: {shopTenant: "t", shopName: null, text: "5"}) { text shop { tenant name } } }',
        'mutation { createItem(input: {shopTenant: null, shopName: "n", text: "6"}) { text shop { tenant name } } }',
        'mutation { createDesk(input: {shopTenant: "t", shopName: "n", text: "d"}) { text shop { tenant name desk { text } } } }',
        sorted('query { getShop(tenant: "t", name: "n") { items { items { text } nextToken } desk { text shop { name } } } }'),
        'query { getShop(tenant: "t", name: "m") { items { items { text } nextToken } desk { text shop { name } } } }',
        'query { getShop(tenant: "t", name: "n") { items(filter: {shopName: {eq: "n"}}) { items { text } } } }',
        sorted('query { listItems { items { text shop { tenant name } } } }'),
    ]);

    script('keys of three fields', [
        'mutation { createGrid(input: {a: "a", b: "b", n: 3}) { a b n cells { items { text } nextToken } } }',
        'mutation { createCell(input: {ga: "a", gb: "b", gn: 3, text: "1"}) { text grid { a b n } } }',
        'mutation { createCell(input: {ga: "a", gb: "b", text: "2"}) { text grid { a } } }',
        'mutation { createCell(input: {ga: "a", text: "3"}) { text grid { a } } }',
        'mutation { createCell(input: {ga: "a", gb: "b", gn: null, text: "4"}) { text grid { a } } }',
        'query { getGrid(a: "a", b: "b", n: 3) { cells { items { text grid { n } } nextToken } } }',
        sorted('query { listCells { items { text gb gn grid { a } } } }'),
    ]);
});

// The other side of each rule is a provider that no test uses.
const KEY = (operations) => `{ allow: public, provider: apiKey${operations ? `, operations: [${operations}]` : ''} }`;
const OTHER = (operations) => `{ allow: public, provider: identityPool${operations ? `, operations: [${operations}]` : ''} }`;

compareSuite('rules', `
type ReadOnly @model @auth(rules: [${KEY('read')}, ${OTHER()}]) { text: String kids: [Kid] @hasMany(references: ["roId"]) }
type GetOnly @model @auth(rules: [${KEY('get')}, ${OTHER()}]) { text: String }
type ListOnly @model @auth(rules: [${KEY('list')}, ${OTHER()}]) { a: ID! @primaryKey(sortKeyFields: ["n"]) n: Int! text: String }
type WriteOnly @model @auth(rules: [${KEY('create, update')}, ${OTHER()}]) { text: String num: Int }
type Closed @model @auth(rules: [${OTHER()}]) { text: String openId: ID open: Opened @belongsTo(references: ["openId"]) }
type Opened @model @auth(rules: [${KEY()}]) { text: String closed: [Closed] @hasMany(references: ["openId"]) }
type Kid @model @auth(rules: [${KEY()}]) { text: String roId: ID ro: ReadOnly @belongsTo(references: ["roId"]) }
type Part @model @auth(rules: [${KEY()}, ${OTHER('read')}]) {
  text: String
  secret: String @auth(rules: [${OTHER()}])
  writable: String @auth(rules: [${KEY('create, update')}, ${OTHER()}])
  readable: String @auth(rules: [${KEY('read')}, ${OTHER()}])
  made: String @default(value: "made") @auth(rules: [${KEY('read')}, ${OTHER()}])
  a: String @index(name: "byA", sortKeyFields: ["b", "c"])
  b: String
  c: String
}
type Whole @model @auth(rules: [${KEY()}]) { id: ID! @primaryKey text: String @auth(rules: [${KEY('create, read')}]) free: String }
`, (script) => {
    script('operations of models', [
        'query { getReadOnly(id: "1") { id } listReadOnlies { items { id } } }',
        'mutation { createReadOnly(input: {id: "1", text: "x"}) { id } }',
        'mutation { updateReadOnly(input: {id: "1", text: "x"}) { id } }',
        'mutation { deleteReadOnly(input: {id: "1"}) { id } }',
        'query { getGetOnly(id: "1") { id } }',
        'query { listGetOnlies { items { id } } }',
        'query { getListOnly(a: "1", n: 1) { a } }',
        'query { listListOnlies { items { a } } }',
        'query { listListOnlies(n: {eq: 1}) { items { a } } }',
        'mutation { createListOnly(input: {a: "1", n: 1}) { a } }',
        'mutation { createWriteOnly(input: {id: "1", text: "x", num: 1}) { id text } }',
        'mutation { updateWriteOnly(input: {id: "1", text: "y"}) { id text num } }',
        'mutation { updateWriteOnly(input: {id: "1", text: null}) { id text num } }',
        'mutation { updateWriteOnly(input: {id: "1", text: null, num: null}) { id text num } }',
        'mutation { deleteWriteOnly(input: {id: "1"}) { id } }',
        'query { getWriteOnly(id: "1") { id } }',
        'query { getClosed(id: "1") { id } }',
        'mutation { createClosed(input: {id: "1"}) { id } }',
    ]);

    script('relations to other rules', [
        'mutation { createKid(input: {id: "k", roId: "r", text: "t"}) { id ro { id } } }',
        'query { getKid(id: "k") { id ro { id } } }',
        'mutation { createOpened(input: {id: "o"}) { id closed { items { id } } } }',
        'query { getOpened(id: "o") { id closed { items { id } } } }',
        sorted('query { listOpeneds { items { id closed { items { id } } } } }'),
    ]);

    script('rules of fields', [
        'mutation { createPart(input: {text: "t"}) { text } }',
        'mutation { createPart(input: {text: "t", made: "x"}) { text } }',
        'mutation { createPart(input: {id: "1", text: "t"}) { text } }',
        'mutation { createPart(input: {text: "t", secret: "s", readable: "r", writable: "w"}) { text } }',
        'mutation { createPart(input: {a: "a", b: "b", c: "c"}) { text } }',
        'mutation { updatePart(input: {id: "1", text: "t"}) { text } }',
        'mutation { updatePart(input: {id: "1", text: null, writable: null, secret: null}) { text } }',
        'mutation { updatePart(input: {id: "1", secret: "s", readable: "r", writable: "w"}) { text } }',
        'mutation { deletePart(input: {id: "1"}) { id } }',
        'query { listParts { items { text secret writable readable made } } }',
        'mutation { createWhole(input: {id: "w", text: "t", free: "f"}) { id text free } }',
        'mutation { createWhole(input: {text: "t", free: "f"}) { text free } }',
        'query { getWhole(id: "w") { text free } }',
        'mutation { updateWhole(input: {id: "w", free: null}) { text free } }',
        'mutation { updateWhole(input: {id: "w", text: "new"}) { text free } }',
        'mutation { deleteWhole(input: {id: "w"}) { id } }',
    ]);
}, ['apiKey', 'userPool']);

compareSuite('fields for others', `
type Part @model @auth(rules: [${KEY()}, ${OTHER('read')}]) {
  id: ID
  text: String
  secret: String @auth(rules: [${KEY('create')}, ${OTHER()}])
  writable: String @auth(rules: [${KEY('create, update')}, ${OTHER()}])
  readable: String @auth(rules: [${KEY('create, read')}, ${OTHER('read')}])
  shared: String @auth(rules: [${KEY()}])
}
`, (script) => {
    script('reading and redaction', [
        'mutation { createPart(input: {id: "1", text: "t", secret: "s", writable: "w", readable: "r", shared: "h"}) { id text readable shared } }',
        'mutation { createPart(input: {id: "2", text: "t", secret: "s"}) { id text secret writable readable shared } }',
        'query { getPart(id: "1") { id text secret writable readable shared } }',
        sorted('query { listParts { items { id text secret writable readable shared } } }'),
        'mutation { updatePart(input: {id: "1", writable: "v", shared: "i"}) { id writable readable shared } }',
        'mutation { updatePart(input: {id: "1", writable: null}) { id } }',
        'mutation { updatePart(input: {id: "1", shared: null}) { id shared } }',
        'mutation { deletePart(input: {id: "1"}) { id } }',
    ]);
}, ['apiKey', 'userPool']);

compareSuite('sandbox', 'type Todo @model { text: String done: Boolean tagId: ID tag: Tag @belongsTo(references: ["tagId"]) } type Tag @model { name: String todos: [Todo] @hasMany(references: ["tagId"]) }', (script) => {
    script('everything is open', [
        'mutation { createTag(input: {id: "g", name: "n"}) { id todos { items { id } } } }',
        'mutation { createTodo(input: {id: "1", text: "x", tagId: "g"}) { id text tag { name } } }',
        'query { getTodo(id: "1") { text tag { name todos { items { id } } } } listTodos { items { id } } }',
        'mutation { updateTodo(input: {id: "1", done: true}) { done } }',
        'mutation { deleteTodo(input: {id: "1"}) { id } }',
    ]);
});

compareSuite('not a sandbox', `type Todo @model { text: String } type Ruled @model @auth(rules: [${KEY()}]) { text: String }`, (script) => {
    script('models without rules are closed', [
        'mutation { createTodo(input: {id: "1", text: "x"}) { id } }',
        'query { getTodo(id: "1") { text } }',
        'query { listTodos { items { id } } }',
        'mutation { createRuled(input: {id: "1", text: "x"}) { id } }',
    ]);
}, ['apiKey', 'userPool']);
