// What S3's tools ask of buckets.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as sdk from '@aws-sdk/client-s3';
import { refused, startStorage } from './lib.mjs';

let storage;
let s3;
let Bucket;
before(async () => {
  storage = await startStorage('files');
  s3 = await storage.s3();
  Bucket = storage.bucket('files');
});
after(() => storage.end());

const ask = (name, input = {}) => s3.send(new sdk[`${name}Command`]({ Bucket, ...input }));

test('answers that are always the same', async () => {
  assert.equal((await ask('GetBucketEncryption')).ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm, 'AES256');
  assert.equal((await ask('GetBucketOwnershipControls')).OwnershipControls.Rules[0].ObjectOwnership, 'BucketOwnerEnforced');
  assert.equal((await ask('GetPublicAccessBlock')).PublicAccessBlockConfiguration.BlockPublicAcls, true);
  assert.equal((await ask('GetBucketRequestPayment')).Payer, 'BucketOwner');
  assert.equal((await ask('GetBucketLogging')).LoggingEnabled, undefined);
  assert.equal((await ask('GetBucketAccelerateConfiguration')).Status, undefined);
  assert.equal((await ask('GetBucketNotificationConfiguration')).LambdaFunctionConfigurations, undefined);
  const acl = await ask('GetBucketAcl');
  assert.deepEqual([acl.Grants.length, acl.Grants[0].Permission, acl.Grants[0].Grantee.Type, acl.Grants[0].Grantee.ID], [1, 'FULL_CONTROL', 'CanonicalUser', acl.Owner.ID]);
  await refused(ask('GetBucketPolicy'), 'NoSuchBucketPolicy');
  await refused(ask('GetBucketPolicyStatus'), 'NoSuchBucketPolicy');
  await refused(ask('GetBucketWebsite'), 'NoSuchWebsiteConfiguration');
  await refused(ask('GetBucketReplication'), 'ReplicationConfigurationNotFoundError');
  await refused(ask('GetObjectLockConfiguration'), 'ObjectLockConfigurationNotFoundError');
  await ask('PutObject', { Key: 'acl', Body: 'x' });
  assert.equal((await ask('GetObjectAcl', { Key: 'acl' })).Grants[0].Permission, 'FULL_CONTROL');
  await refused(ask('GetObjectAcl', { Key: 'none' }), 'NoSuchKey');
  await ask('PutBucketAcl', { ACL: 'private' });
  await refused(ask('PutObjectAcl', { Key: 'acl', ACL: 'public-read' }), 'AccessControlListNotSupported');
});

test('CORS: what Amplify sets, unless something else was put', async () => {
  const [rule] = (await ask('GetBucketCors')).CORSRules;
  assert.deepEqual([rule.AllowedOrigins, rule.AllowedMethods, rule.MaxAgeSeconds], [['*'], ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'], 3000]);
  const CORSRules = [{ AllowedMethods: ['GET'], AllowedOrigins: ['https://example.com'] }];
  await ask('PutBucketCors', { CORSConfiguration: { CORSRules } });
  assert.deepEqual((await ask('GetBucketCors')).CORSRules, CORSRules);
  await refused(ask('PutBucketCors', { CORSConfiguration: { CORSRules: [{ AllowedMethods: ['PATCH'], AllowedOrigins: ['*'] }] } }), 'InvalidRequest');
  await refused(ask('PutBucketCors', { CORSConfiguration: { CORSRules: [] } }), 'MalformedXML');
  await ask('DeleteBucketCors');
  await refused(ask('GetBucketCors'), 'NoSuchCORSConfiguration');
});

test('tags of the bucket', async () => {
  await refused(ask('GetBucketTagging'), 'NoSuchTagSet');
  const TagSet = [{ Key: 'a', Value: '1' }, { Key: 'b', Value: '2' }];
  await ask('PutBucketTagging', { Tagging: { TagSet } });
  assert.deepEqual((await ask('GetBucketTagging')).TagSet, TagSet);
  await ask('DeleteBucketTagging');
  await refused(ask('GetBucketTagging'), 'NoSuchTagSet');
});

test('lifecycle rules are kept', async () => {
  const put = (...Rules) => ask('PutBucketLifecycleConfiguration', { LifecycleConfiguration: { Rules } });
  await refused(ask('GetBucketLifecycleConfiguration'), 'NoSuchLifecycleConfiguration');
  const Rules = [
    { ID: 'logs', Status: 'Enabled', Filter: { Prefix: 'logs/' }, Expiration: { Days: 30 } },
    { ID: 'tagged', Status: 'Disabled', Filter: { And: { Prefix: 'tmp/', Tags: [{ Key: 'a', Value: 'b' }], ObjectSizeGreaterThan: 100 } },
      Expiration: { Date: new Date('2030-01-01') }, NoncurrentVersionExpiration: { NoncurrentDays: 5, NewerNoncurrentVersions: 2 } },
    { ID: 'parts', Status: 'Enabled', Filter: { Prefix: '' }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 } },
  ];
  await put(...Rules);
  assert.deepEqual((await ask('GetBucketLifecycleConfiguration')).Rules, Rules);
  await refused(put({ Status: 'Enabled', Filter: { Prefix: '' } }), 'InvalidRequest');
  await refused(put({ Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 0 } }), 'InvalidArgument');
  await refused(put({ Status: 'Enabled', Filter: { Prefix: '' }, Transitions: [{ Days: 1, StorageClass: 'GLACIER' }] }), 'NotImplemented');
  await ask('DeleteBucketLifecycle');
  await refused(ask('GetBucketLifecycleConfiguration'), 'NoSuchLifecycleConfiguration');
});

test('buckets are made and removed by the definitions only', async () => {
  await ask('HeadBucket');
  await refused(ask('HeadBucket', { Bucket: 'no-such-bucket' }), 'NotFound');
  await refused(ask('CreateBucket'), 'BucketAlreadyOwnedByYou');
  await refused(ask('CreateBucket', { Bucket: 'another-one' }), 'NotImplemented', /definitions/);
  await refused(ask('CreateBucket', { Bucket: 'UPPER' }), 'InvalidBucketName');
  await refused(ask('DeleteBucket'), 'NotImplemented', /definitions/);
  await refused(ask('ListObjectsV2', { Bucket: 'no-such-bucket' }), 'NoSuchBucket');
});

test('rights of keys are for these operations too', async () => {
  const reader = await storage.s3({ credentials: await storage.key('s3:GetObject') });
  for (const name of ['GetBucketAcl', 'GetBucketCors', 'GetBucketVersioning', 'GetBucketEncryption', 'ListMultipartUploads', 'ListObjectVersions', 'DeleteBucket']) {
    await refused(reader.send(new sdk[`${name}Command`]({ Bucket })), 'AccessDenied');
  }
  await refused(reader.send(new sdk.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } })), 'AccessDenied');
});
