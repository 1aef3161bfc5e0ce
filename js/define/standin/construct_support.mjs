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
 * @param {(message: string, hint: string, at: any) => void} warnAt
 */
export function rateConstructs(constructs, warnAt) {
  for (const construct of constructs) {
    const { type } = construct;
    construct.handling = ignored.test(type)
      ? 'ignored'
      : kept.some((pattern) => pattern.test(type))
        ? 'kept'
        : 'unsupported';
    if (construct.handling === 'unsupported') {
      const hint =
        hints.find(([pattern]) => pattern.test(type))?.[1] ??
        'It is kept in the manifest only; guard the code that depends on it';
      warnAt(`${type} ('${construct.id}') is not available here`, hint, construct);
    }
  }
}
