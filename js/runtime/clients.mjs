// What '@aws-amplify/backend/function/runtime' gives to handlers, for projects where that package is not installed: the
// configuration of a data client that calls with the function's own credentials.
import { createHash, createHmac } from 'node:crypto';

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();

/** Headers of a GET that is signed with AWS Signature Version 4. @param {URL} url @param {Record<string, string>} env */
function signed(url, env) {
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const scope = `${stamp.slice(0, 8)}/${env.AWS_REGION}/s3/aws4_request`;
  const body = sha256('');
  /** @type {Record<string, string>} */
  const headers = {
    host: url.host, 'x-amz-content-sha256': body, 'x-amz-date': stamp, 'x-amz-security-token': env.AWS_SESSION_TOKEN ?? '',
  };
  const names = Object.keys(headers).sort();
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join('');
  const canonical = ['GET', url.pathname, '', lines, names.join(';'), body].join('\n');
  const parts = scope.split('/');
  const key = parts.reduce((/** @type {any} */ secret, part) => hmac(secret, part), `AWS4${env.AWS_SECRET_ACCESS_KEY}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', stamp, scope, sha256(canonical)].join('\n')).toString('hex');
  const { host, ...sent } = headers;
  return {
    ...sent,
    authorization:
      `AWS4-HMAC-SHA256 Credential=${env.AWS_ACCESS_KEY_ID}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}

/** "amplifyDataShop" -> "AMPLIFY_DATA_SHOP" @param {string} name */
const screaming = (name) => name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').replaceAll(/[^A-Za-z0-9]+/g, '_').toUpperCase();

/** @param {Record<string, string>} env the variables of `$amplify/env/<name>` */
export async function getAmplifyDataClientConfig(env) {
  const prefix = screaming(env.AMPLIFY_DATA_DEFAULT_NAME ?? '');
  const needed = ['_MODEL_INTROSPECTION_SCHEMA_BUCKET_NAME', '_MODEL_INTROSPECTION_SCHEMA_KEY', '_GRAPHQL_ENDPOINT'];
  const [bucket, key, endpoint] = needed.map((name) => env[prefix + name]);
  if (bucket === undefined || key === undefined || endpoint === undefined) {
    const missing = needed.map((name) => prefix + name).filter((name) => typeof env[name] !== 'string');
    throw new Error(`The data environment variables are malformed. Expected string values for: ${missing.join(', ')}.`);
  }
  const url = new URL(`/${bucket}/${key}`, process.env.AWS_ENDPOINT_URL);
  const answer = await fetch(url, { headers: signed(url, env) });
  if (!answer.ok) {
    throw new Error(
      'Error retrieving the schema from S3. You may need to grant this function authorization on the schema. ' +
        `${answer.status}: ${await answer.text()}`,
    );
  }
  return {
    resourceConfig: {
      API: {
        GraphQL: { endpoint, region: env.AWS_REGION, defaultAuthMode: 'iam', modelIntrospection: await answer.json() },
      },
    },
    libraryOptions: {
      Auth: {
        credentialsProvider: {
          getCredentialsAndIdentityId: async () => ({
            credentials: {
              accessKeyId: env.AWS_ACCESS_KEY_ID,
              secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
              sessionToken: env.AWS_SESSION_TOKEN,
            },
          }),
          clearCredentialsAndIdentityId: () => {},
        },
      },
    },
  };
}
