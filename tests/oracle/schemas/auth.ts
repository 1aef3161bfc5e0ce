// modes: userPool,apiKey,iam,oidc,lambda
import { a } from '@aws-amplify/data-schema';
export const schema = a.schema({
  Owner1: a.model({ t: a.string() }).authorization(al=>[al.owner()]),
  OwnerExplicit: a.model({ t: a.string(), owner: a.string() }).authorization(al=>[al.owner()]),
  OwnerDyn: a.model({ t: a.string(), author: a.string() }).authorization(al=>[al.ownerDefinedIn('author'), al.authenticated().to(['read'])]),
  OwnerMulti: a.model({ t: a.string(), editors: a.string().array() }).authorization(al=>[al.ownersDefinedIn('editors')]),
  OwnerClaim: a.model({ t: a.string() }).authorization(al=>[al.owner().identityClaim('email')]),
  OwnerOidc: a.model({ t: a.string() }).authorization(al=>[al.owner('oidc').identityClaim('sub')]),
  OwnerPart: a.model({ t: a.string() }).authorization(al=>[al.owner().to(['create','read'])]),
  Grp: a.model({ t: a.string() }).authorization(al=>[al.group('Admin'), al.groups(['Ed','Vw']).to(['read'])]),
  GrpClaim: a.model({ t: a.string() }).authorization(al=>[al.groups(['X'],'oidc').withClaimIn('my:groups')]),
  GrpDyn: a.model({ t: a.string(), team: a.string() }).authorization(al=>[al.groupDefinedIn('team')]),
  GrpsDyn: a.model({ t: a.string(), teams: a.string().array() }).authorization(al=>[al.groupsDefinedIn('teams').to(['read','update'])]),
  Mixed: a.model({ t: a.string(), secret: a.string().authorization(al=>[al.owner()]), adminOnly: a.string().authorization(al=>[al.group('Admin').to(['read','update'])]) , reqF: a.string().required() }).authorization(al=>[al.owner(), al.group('Admin'), al.authenticated().to(['read']), al.publicApiKey().to(['get','list'])]),
  Cust: a.model({ t: a.string() }).authorization(al=>[al.custom()]),
  Guest: a.model({ t: a.string() }).authorization(al=>[al.guest().to(['read']), al.authenticated('identityPool').to(['read','create'])]),
  Sync: a.model({ t: a.string() }).authorization(al=>[al.authenticated().to(['get']), al.publicApiKey().to(['listen'])]),
  ParentA: a.model({ n: a.string(), kids: a.hasMany('KidA','pId') }).authorization(al=>[al.owner()]),
  KidA: a.model({ n: a.string(), pId: a.id(), p: a.belongsTo('ParentA','pId') }).authorization(al=>[al.owner()]),
  ParentB: a.model({ n: a.string(), kids: a.hasMany('KidB','pId') }).authorization(al=>[al.publicApiKey()]),
  KidB: a.model({ n: a.string(), pId: a.id(), p: a.belongsTo('ParentB','pId') }).authorization(al=>[al.publicApiKey()]),
});
