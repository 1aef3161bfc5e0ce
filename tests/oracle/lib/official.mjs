// The official generators, run offline with the parameters a Gen 2 deployment gives them:
// AmplifyData for the served schema, graphql-generator for the client's model introspection.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { workFolder } from './work.mjs';

const require = createRequire(import.meta.url);
process.env.TMPDIR = workFolder(); // the asset provider writes there
process.env.HOME = '/dev/null'; // where CDK keeps no cache of fingerprints, which costs more than it saves
const { App, Duration, Stack } = require('aws-cdk-lib');
const { UserPool } = require('aws-cdk-lib/aws-cognito');
const { Role, ServicePrincipal } = require('aws-cdk-lib/aws-iam');
const lambda = require('aws-cdk-lib/aws-lambda');
const { AmplifyData, AmplifyDataDefinition } = require('@aws-amplify/data-construct');
const { generateModelsSync } = require('@aws-amplify/graphql-generator');

const MODES = {
    apiKey: 'API_KEY',
    userPool: 'AMAZON_COGNITO_USER_POOLS',
    iam: 'AWS_IAM',
    oidc: 'OPENID_CONNECT',
    lambda: 'AWS_LAMBDA',
};

function lambdaFunction(stack, id) {
    const code = lambda.Code.fromInline('//');
    const runtime = lambda.Runtime.NODEJS_20_X;
    return new lambda.Function(stack, id, { runtime, handler: 'index.handler', code });
}

function authorizationModes(stack, modes) {
    const role = (id) => new Role(stack, id, { assumedBy: new ServicePrincipal('x.amazonaws.com') });
    const seconds = Duration.seconds(60);
    const userPool = modes.includes('userPool') && {
        userPoolConfig: { userPool: new UserPool(stack, 'Pool') },
        identityPoolConfig: {
            identityPoolId: 'pool',
            authenticatedUserRole: role('Authenticated'),
            unauthenticatedUserRole: role('Unauthenticated'),
        },
    };
    const oidc = modes.includes('oidc') && {
        oidcConfig: {
            oidcProviderName: 'p',
            oidcIssuerUrl: 'https://issuer',
            clientId: 'c',
            tokenExpiryFromAuth: seconds,
            tokenExpiryFromIssue: seconds,
        },
    };
    return {
        defaultAuthorizationMode: MODES[modes[0]],
        iamConfig: { enableIamAuthorizationMode: true },
        ...(modes.includes('apiKey') && { apiKeyConfig: { expires: Duration.days(7) } }),
        ...userPool,
        ...oidc,
        ...(modes.includes('lambda') && {
            lambdaConfig: { function: lambdaFunction(stack, 'Authorizer'), ttl: seconds },
        }),
    };
}

// The schema is an asset that is written when its location is resolved.
export function schemaOf(api) {
    const { cfnGraphqlSchema } = api.resources.cfnResources;
    const stack = Stack.of(cfnGraphqlSchema);
    stack.resolve(cfnGraphqlSchema.definitionS3Location);
    const asset = cfnGraphqlSchema.node.scope.node.findChild('schema');
    return readFileSync(asset.assetPath, 'utf8');
}

// What the transformers print while they work is advice about the tests' schemas.
function quietly(work) {
    const kept = { ...console };
    const silent = () => {};
    Object.assign(console, { log: silent, warn: silent, info: silent, error: silent, debug: silent });
    try {
        return work();
    } finally {
        Object.assign(console, kept);
    }
}

// The construct of a deployment; throws what the transformers refuse.
export function officialApi(sdl, modes) {
    const context = { 'aws:cdk:disable-asset-staging': true }; // nothing is going to be deployed
    const stack = new Stack(new App({ outdir: join(workFolder(), 'cdk.out'), context }), 'S');
    const functionNameMap = {};
    for (const [, name] of sdl.matchAll(/@function\(name: "([^"]+)"/g)) {
        functionNameMap[name] ??= lambdaFunction(stack, 'F' + name);
    }
    return quietly(
        () =>
            new AmplifyData(stack, 'data', {
                apiName: 'data',
                definition: AmplifyDataDefinition.fromString(sdl, {
                    dbType: 'DYNAMODB',
                    provisionStrategy: 'AMPLIFY_TABLE',
                }),
                authorizationModes: authorizationModes(stack, modes),
                functionNameMap,
                translationBehavior: {
                    sandboxModeEnabled: modes.length === 1 && modes[0] === 'apiKey',
                    allowDestructiveGraphqlSchemaUpdates: true,
                    _provisionHotswapFriendlyResources: true,
                },
            }),
    );
}

// {text}: the served SDL; {refused}: why there is none.
export function officialSchema(sdl, modes) {
    try {
        return { text: schemaOf(officialApi(sdl, modes)) };
    } catch (e) {
        return { refused: `${e.message}` };
    }
}

// {text}: model_introspection as JSON text, or {refused}.
export function officialIntrospection(sdl) {
    try {
        const files = quietly(() => generateModelsSync({ schema: sdl, target: 'introspection' }));
        return { text: files['model-introspection.json'] };
    } catch (e) {
        return { refused: `${e.message}` };
    }
}
