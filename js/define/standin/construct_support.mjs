// What becomes of constructs of the CDK: kept for the server, of no consequence here, or not to be had.

const ignored = /\.(CfnOutput|CfnParameter|CfnCondition|Alarm|Dashboard|LogGroup|Annotations|NestedStack|Stack|App)$/;
const kept = [
  /^(stack|constructs\.Construct|aws-cdk-lib\.Construct)$/,
  /^aws-cdk-lib\/aws-iam\./,
  /^aws-cdk-lib\/aws-lambda(-nodejs|-event-sources|-destinations)?\./,
  /^aws-cdk-lib\/aws-(events|events-targets|scheduler|scheduler-targets)\./,
  /^aws-cdk-lib\/aws-apigateway(v2)?(-integrations|-authorizers)?\./,
  /^aws-cdk-lib\/aws-(dynamodb|s3)\./,
  /^aws-cdk-lib\/aws-(cognito|appsync)\./,
  /^aws-cdk-lib\/aws-kms\.(Key|CfnKey)\b/,
];
const functions = /^aws-cdk-lib\/aws-lambda\.(Function|DockerImageFunction|SingletonFunction|CfnFunction)$|\.(NodejsFunction|PythonFunction)$/;
/** Of the kinds above, those that nothing serves though much may depend on them. @type {[RegExp, string][]} */
const idle = [
  [
    functions,
    'Only functions of defineFunction are served: write defineFunction((scope) => new Function(scope, ...)) and give it to defineBackend',
  ],
  [
    /aws-(events|scheduler)\.(Rule|CfnRule|Schedule|CfnSchedule)$/,
    "Its targets are never called; give defineFunction a schedule: `schedule: 'every 1h'`, or one of cron's fields",
  ],
  [
    /aws-apigateway(v2)?\.(\w*RestApi|HttpApi|WebSocketApi|CfnApi)$/,
    'Its routes are not served; give the function a URL with lambda.addFunctionUrl(), or call it through the data API',
  ],
  [
    /aws-dynamodb\.(Table|TableV2|CfnTable|CfnGlobalTable)$/,
    'Define a model in the data schema: its table is served, backend.data.resources.tables has it',
  ],
];
/** @type {[RegExp, string][]} */
const hints = [
  [
    /aws-(sqs|sns|sns-subscriptions|kinesis)\./,
    'Messages sent to it go nowhere here; call the function directly, or start it from the stream of a table',
  ],
  [
    /CustomResource|Provider$|CfnInclude/,
    'Custom resources run in a cloud deployment only; do the work in a function or a seed script',
  ],
  [
    /aws-(ses|location|bedrock|comprehend|rekognition|polly|translate|textract)\w*\./,
    'Calls to it at run time get an error that names the service; guard the code that uses it',
  ],
];

/**
 * Notes in each construct what becomes of it, and warns of those that have no counterpart.
 * @param {any[]} constructs
 * @param {Set<unknown>} served references of those that became functions
 * @param {(message: string, hint: string, at: any) => void} warnAt
 */
export function rateConstructs(constructs, served, warnAt) {
  for (const construct of constructs) {
    const { type, ref, made } = construct;
    const isIdle = made === 'new' && !served.has(ref) && idle.some(([pattern]) => pattern.test(type));
    construct.handling = ignored.test(type)
      ? 'ignored'
      : !isIdle && kept.some((pattern) => pattern.test(type))
        ? 'kept'
        : 'unsupported';
    if (construct.handling === 'unsupported') {
      const hint =
        [...idle, ...hints].find(([pattern]) => pattern.test(type))?.[1] ??
        'It is kept in the manifest only; guard the code that depends on it';
      warnAt(`${type} ('${construct.id}') is not available here`, hint, construct);
    }
  }
}
