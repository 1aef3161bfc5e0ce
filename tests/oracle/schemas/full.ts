// modes: apiKey
import { a } from '@aws-amplify/data-schema';
export const schema = a.schema({
  Status: a.enum(['ACTIVE','IN_ACTIVE']),
  Geo: a.customType({ lat: a.float().required(), lng: a.float(), tags: a.string().array(), inner: a.customType({ x: a.integer().required(), kind: a.enum(['P','Q']) }), st: a.ref('Status') }),
  AllTypes: a.model({
    s: a.string(), sr: a.string().required(), i: a.integer(), f: a.float(), b: a.boolean(), d: a.date(), t: a.time(), dt: a.datetime(), ts: a.timestamp(),
    em: a.email(), js: a.json(), ph: a.phone(), ur: a.url(), ip: a.ipAddress(), idf: a.id(),
    sa: a.string().array(), sra: a.string().required().array(), srar: a.string().required().array().required(), ia: a.integer().array(), ba: a.boolean().array(), jsa: a.json().array(),
    st: a.ref('Status'), stR: a.ref('Status').required(), stA: a.ref('Status').array(), inl: a.enum(['one','two']),
    geo: a.ref('Geo'), geoR: a.ref('Geo').required(), geoA: a.ref('Geo').array(), ct: a.customType({ p: a.string(), q: a.integer().required() }),
    ds: a.string().default('hello'), di: a.integer().default(7), df: a.float().default(1.5), db: a.boolean().default(true),
    vS: a.string().validate(v=>v.minLength(3,'too short').maxLength(10).startsWith('a').endsWith('z').matches('^a.*z$')),
    vN: a.integer().validate(v=>v.gt(1).lt(100).gte(2).lte(99)),
  }).authorization(al=>[al.publicApiKey()]),
  Store: a.model({
    tenantId: a.id().required(), name: a.string().required(), region: a.string(), rank: a.integer(), score: a.float(), opened: a.datetime(), st: a.ref('Status'),
    items: a.hasMany('Item', ['storeTenantId','storeName']),
    profile: a.hasOne('StoreProfile', ['storeTenantId','storeName']),
  }).identifier(['tenantId','name'])
   .secondaryIndexes(i=>[ i('region'), i('region').sortKeys(['rank']), i('region').sortKeys(['rank','score']).queryField('byRegionRankScore').name('regRS'), i('st').sortKeys(['opened']).queryField(null as any), i('rank').projection('KEYS_ONLY'), i('tenantId').sortKeys(['opened']).queryField('byTenantOpened').projection('INCLUDE',['region']) ])
   .authorization(al=>[al.publicApiKey()]),
  Item: a.model({ title: a.string().required(), storeTenantId: a.id(), storeName: a.string(), store: a.belongsTo('Store',['storeTenantId','storeName']) }).authorization(al=>[al.publicApiKey()]),
  StoreProfile: a.model({ bio: a.string(), storeTenantId: a.id(), storeName: a.string(), store: a.belongsTo('Store',['storeTenantId','storeName']) }).authorization(al=>[al.publicApiKey()]),
  Box: a.model({ label: a.string(), ownerBoxId: a.id(), children: a.hasMany('Leaf','boxId') }).disableOperations(['subscriptions','delete','list']).authorization(al=>[al.publicApiKey()]),
  Leaf: a.model({ boxId: a.id().required(), box: a.belongsTo('Box','boxId') }).disableOperations(['mutations']).authorization(al=>[al.publicApiKey()]),
  Person: a.model({ pid: a.id().required(), n: a.integer().required() }).identifier(['pid']).authorization(al=>[al.publicApiKey()]),
  Thrice: a.model({ a: a.string().required(), b: a.integer().required(), c: a.string().required(), v: a.string() }).identifier(['a','b','c']).authorization(al=>[al.publicApiKey()]),
});
