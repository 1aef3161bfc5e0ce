// modes: userPool,apiKey
import { a } from '@aws-amplify/data-schema';

export const schema = a.schema({
    recipe: a
        .generation({
            aiModel: a.ai.model('Claude 3 Haiku'),
            systemPrompt: 'You are\nhelpful',
            inferenceConfiguration: { temperature: 0.2, maxTokens: 100, topP: 0.9 },
        })
        .arguments({ description: a.string() })
        .returns(a.customType({ name: a.string(), steps: a.string().array() }))
        .authorization((x) => [x.authenticated()]),
    Todo: a.model({ content: a.string() }).authorization((x) => [x.owner()]),
});
