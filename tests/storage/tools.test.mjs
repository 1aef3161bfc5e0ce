// Debian's tools for S3 against a running server, with an access key for one bucket: boto3, awscli, s3cmd, rclone.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { startStorage } from './lib.mjs';

const MIB = 1 << 20;
const LARGE = randomBytes(20 * MIB);
const SMALL = 'ein Text\n';
let storage;
let bucket;
let key;
let folder;
before(async () => {
  storage = await startStorage('files');
  bucket = storage.bucket('files');
  folder = mkdtempSync(path.join(tmpdir(), 'ampd-tools-'));
  const arn = `arn:aws:s3:::${bucket}`;
  const { stdout } = await storage.ampd('keys', 'create', '--json', '--allow', 's3:*', '--resource', arn, `${arn}/*`);
  key = JSON.parse(stdout);
  writeFileSync(path.join(folder, 'large.bin'), LARGE);
  mkdirSync(path.join(folder, 'tree/deep'), { recursive: true });
  writeFileSync(path.join(folder, 'tree/a b+ä.txt'), SMALL);
  writeFileSync(path.join(folder, 'tree/deep/two.css'), 'body {}\n');
});
after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await storage.end();
});

/** Runs a program in the folder; its stdout. */
async function run(program, args, env = {}) {
  const plain = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_') && !/_proxy$/i.test(name)));
  const options = { cwd: folder, env: { ...plain, HOME: folder, LC_ALL: 'C.UTF-8', ...env }, maxBuffer: 1 << 26, timeout: 120_000 };
  try {
    return (await promisify(execFile)(program, args, options)).stdout;
  } catch (error) {
    throw new Error(`${program} ${args.join(' ')}: ${error.code ?? error.signal}\n${error.stdout}${error.stderr}`);
  }
}
const fails = (promise, pattern) => assert.rejects(promise, (error) => assert.match(error.message, pattern) ?? true);
const sum = (bytes) => createHash('sha256').update(bytes).digest('hex');
const file = (name) => readFileSync(path.join(folder, name));

/** Those of these programs that are there and answer so. */
const present = (programs, args, pattern) => programs.filter((program) => pattern.test(spawnSync(program, args, { encoding: 'utf8' }).stdout));

test('boto3', async () => {
  const program = `
import boto3, hashlib, io, sys, urllib.request
from botocore.config import Config
from botocore.exceptions import ClientError
from boto3.s3.transfer import TransferConfig
endpoint, bucket, ca, access, secret, denied = sys.argv[1:]
for style, url in (('path', endpoint), ('path', endpoint.replace('https', 'http'))):
    s3 = boto3.client('s3', endpoint_url=url, region_name='us-east-1', aws_access_key_id=access, aws_secret_access_key=secret, verify=ca,
        config=Config(s3={'addressing_style': style}, signature_version='s3v4'))
    s3.put_object(Bucket=bucket, Key='boto/ä b+&', Body=b'eins', Metadata={'colour': 'red'}, ContentType='text/plain')
    got = s3.get_object(Bucket=bucket, Key='boto/ä b+&')
    assert (got['Body'].read(), got['Metadata'], got['ContentType']) == (b'eins', {'colour': 'red'}, 'text/plain')
    assert s3.get_object(Bucket=bucket, Key='boto/ä b+&', Range='bytes=1-2')['Body'].read() == b'in'
    small = TransferConfig(multipart_threshold=5 * 2**20, multipart_chunksize=6 * 2**20)
    s3.upload_file('large.bin', bucket, 'boto/large', Config=small, ExtraArgs={'ChecksumAlgorithm': 'SHA256'})
    assert s3.head_object(Bucket=bucket, Key='boto/large')['ETag'].endswith('-4"')
    out = io.BytesIO()
    s3.download_fileobj(bucket, 'boto/large', out, Config=small)
    assert hashlib.sha256(out.getvalue()).hexdigest() == hashlib.sha256(open('large.bin', 'rb').read()).hexdigest()
    s3.copy({'Bucket': bucket, 'Key': 'boto/large'}, bucket, 'boto/copy', Config=small)
    pages = s3.get_paginator('list_objects_v2').paginate(Bucket=bucket, Prefix='boto/', PaginationConfig={'PageSize': 2})
    assert [o['Key'] for page in pages for o in page['Contents']] == ['boto/copy', 'boto/large', 'boto/ä b+&']
    if url.startswith('http:'):
        url = s3.generate_presigned_url('get_object', Params={'Bucket': bucket, 'Key': 'boto/ä b+&'}, ExpiresIn=60)
        assert urllib.request.urlopen(url).read() == b'eins'
    gone = s3.delete_objects(Bucket=bucket, Delete={'Objects': [{'Key': k} for k in ('boto/copy', 'boto/large', 'boto/ä b+&', 'none')]})
    assert len(gone['Deleted']) == 4, gone
    try:
        s3.head_object(Bucket=bucket, Key='boto/large')
        assert False
    except ClientError as e:
        assert e.response['Error']['Code'] == '404'
    try:
        s3.get_object(Bucket=denied, Key='x')
        assert False
    except ClientError as e:
        assert e.response['Error']['Code'] == 'AccessDenied', e
print('fine')`;
  const args = ['-c', program, storage.secure.replace('s3.', ''), bucket, storage.caFile, key.accessKeyId, key.secretAccessKey, storage.bucket('archive')];
  // The first python3 of the path may be another than Debian's.
  const pythons = present(['python3', '/usr/bin/python3'], ['-c', 'import boto3; print("there")'], /there/);
  assert.ok(pythons.length > 0, 'python3-boto3 is missing');
  for (const python of pythons) assert.equal(await run(python, args), 'fine\n');
});

test('awscli', async () => {
  const programs = present(['aws', '/usr/bin/aws'], ['--version'], /aws-cli/);
  assert.ok(programs.length > 0, 'awscli is missing');
  for (const program of programs) await awscli(program);
});

async function awscli(program) {
  writeFileSync(path.join(folder, 'aws.ini'), '[default]\nregion = us-east-1\ns3 =\n  addressing_style = path\n  multipart_threshold = 8MB\n  multipart_chunksize = 8MB\n  signature_version = s3v4\n');
  const env = {
    AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: key.secretAccessKey, AWS_CONFIG_FILE: path.join(folder, 'aws.ini'), AWS_PAGER: '',
    AWS_CA_BUNDLE: storage.caFile, AWS_EC2_METADATA_DISABLED: 'true',
  };
  const aws = (...args) => run(program, ['--endpoint-url', `https://localhost:${storage.port}`, ...args], env);
  const to = `s3://${bucket}/aws`;
  await fails(aws('s3', 'ls'), /AccessDenied/); // a key for one bucket may not list all of them
  await aws('s3', 'cp', 'large.bin', `${to}/large.bin`);
  await aws('s3', 'cp', `${to}/large.bin`, `${to}/copy.bin`);
  await aws('s3', 'cp', `${to}/copy.bin`, 'aws.back');
  assert.equal(sum(file('aws.back')), sum(LARGE));
  await aws('s3', 'sync', 'tree', `${to}/tree`);
  assert.equal(await aws('s3', 'sync', 'tree', `${to}/tree`), '', 'nothing is left to do');
  const listed = await aws('s3', 'ls', '--recursive', `${to}/`);
  for (const name of ['aws/large.bin', 'aws/copy.bin', 'aws/tree/a b+ä.txt', 'aws/tree/deep/two.css']) assert.ok(listed.includes(name), listed);
  await aws('s3', 'mv', `${to}/tree/deep/two.css`, `${to}/three.css`);
  await aws('s3', 'sync', '--delete', `${to}/tree`, 'tree.aws');
  assert.equal(String(file('tree.aws/a b+ä.txt')), SMALL);
  const url = (await aws('s3', 'presign', `${to}/three.css`)).trim();
  assert.equal(await run('curl', ['-sf', '--cacert', storage.caFile, url]), 'body {}\n');
  const { ContentLength, ContentType } = JSON.parse(await aws('s3api', 'head-object', '--bucket', bucket, '--key', 'aws/three.css', '--output', 'json'));
  assert.deepEqual([ContentLength, ContentType], [8, 'text/css']);
  await aws('s3', 'rm', '--recursive', `${to}/`);
  assert.equal(await aws('s3api', 'list-objects-v2', '--bucket', bucket, '--prefix', 'aws/', '--query', 'Contents', '--output', 'json'), 'null\n');
  await fails(aws('s3', 'ls', `s3://${storage.bucket('archive')}/x`), /AccessDenied/);
}

test('s3cmd', async () => {
  const host = `localhost:${storage.port}`;
  writeFileSync(path.join(folder, 's3cmd.ini'), `[default]
access_key = ${key.accessKeyId}
secret_key = ${key.secretAccessKey}
host_base = ${host}
host_bucket = ${host}
use_https = True
ca_certs_file = ${storage.caFile}
multipart_chunk_size_mb = 6
`);
  const s3cmd = (...args) => run('s3cmd', ['-c', 's3cmd.ini', '--no-progress', ...args]);
  const to = `s3://${bucket}/s3cmd`;
  await fails(s3cmd('ls'), /AccessDenied/);
  await s3cmd('put', 'large.bin', `${to}/large.bin`);
  await s3cmd('get', '--force', `${to}/large.bin`, 's3cmd.back');
  assert.equal(sum(file('s3cmd.back')), sum(LARGE));
  await s3cmd('sync', 'tree/', `${to}/tree/`);
  assert.match(await s3cmd('ls', '-r', `${to}/`), /s3cmd\/tree\/a b\+ä\.txt/);
  await s3cmd('cp', `${to}/tree/deep/two.css`, `${to}/copy.css`);
  await s3cmd('mv', `${to}/copy.css`, `${to}/moved.css`);
  assert.match(await s3cmd('info', `${to}/moved.css`), /File size: 8/);
  const url = (await s3cmd('signurl', `${to}/moved.css`, '+60')).trim();
  await fails(run('curl', ['-sf', '--cacert', storage.caFile, url]), /curl/); // signature version 2, which is refused
  await s3cmd('sync', `${to}/tree/`, 'tree.s3cmd/');
  assert.equal(String(file('tree.s3cmd/a b+ä.txt')), SMALL);
  await s3cmd('del', '--recursive', '--force', `${to}/`);
  assert.equal(await s3cmd('ls', '-r', `${to}/`), '');
  await fails(s3cmd('ls', `s3://${storage.bucket('archive')}`), /403|AccessDenied/);
});

test('rclone', async () => {
  const env = {
    RCLONE_CONFIG: path.join(folder, 'rclone.ini'), RCLONE_CA_CERT: storage.caFile, RCLONE_CONFIG_AMPD_TYPE: 's3', RCLONE_CONFIG_AMPD_PROVIDER: 'Other',
    RCLONE_CONFIG_AMPD_ACCESS_KEY_ID: key.accessKeyId, RCLONE_CONFIG_AMPD_SECRET_ACCESS_KEY: key.secretAccessKey,
    RCLONE_CONFIG_AMPD_ENDPOINT: `https://localhost:${storage.port}`, RCLONE_CONFIG_AMPD_REGION: 'us-east-1',
    RCLONE_CONFIG_AMPD_UPLOAD_CUTOFF: '6M', RCLONE_CONFIG_AMPD_CHUNK_SIZE: '6M', RCLONE_CONFIG_AMPD_NO_CHECK_BUCKET: 'true',
  };
  writeFileSync(env.RCLONE_CONFIG, '');
  const rclone = (...args) => run('rclone', ['--retries', '1', '--low-level-retries', '2', ...args], env);
  const to = `ampd:${bucket}/rclone`;
  await rclone('copy', 'large.bin', to);
  await rclone('copyto', `${to}/large.bin`, `${to}/copy.bin`);
  await rclone('copyto', `${to}/copy.bin`, 'rclone.back');
  assert.equal(sum(file('rclone.back')), sum(LARGE));
  await rclone('sync', 'tree', `${to}/tree`);
  await rclone('check', 'tree', `${to}/tree`);
  const names = JSON.parse(await rclone('lsjson', '-R', '--files-only', to)).map(({ Path }) => Path).sort();
  assert.deepEqual(names, ['copy.bin', 'large.bin', 'tree/a b+ä.txt', 'tree/deep/two.css']);
  await rclone('moveto', `${to}/tree/deep/two.css`, `${to}/moved.css`);
  assert.equal(await rclone('cat', `${to}/moved.css`), 'body {}\n');
  const url = (await rclone('link', '--expire', '60s', `${to}/moved.css`)).trim();
  assert.equal(await run('curl', ['-sf', '--cacert', storage.caFile, url]), 'body {}\n');
  await rclone('purge', to);
  assert.equal(await rclone('lsf', '-R', to), '');
  await fails(rclone('lsf', `ampd:${storage.bucket('archive')}`), /AccessDenied|403/);
});
