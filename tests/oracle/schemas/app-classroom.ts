// modes: userPool,apiKey
import { a } from '@aws-amplify/data-schema';

// Courses with a teacher and students; grades that students see and only teachers write.
export const schema = a.schema({
    Course: a
        .model({
            title: a.string().required(),
            teacher: a.string().authorization((allow) => [allow.ownerDefinedIn('teacher').to(['create', 'read', 'delete']), allow.ownersDefinedIn('students').to(['read']), allow.group('Admin')]),
            students: a.string().array(),
            assignments: a.hasMany('Assignment', 'courseId'),
            archive: a.hasMany('Assignment', 'archiveId').authorization((allow) => [allow.ownerDefinedIn('teacher').to(['read'])]),
        })
        .authorization((allow) => [allow.ownerDefinedIn('teacher'), allow.ownersDefinedIn('students').to(['read']), allow.group('Admin')]),
    Assignment: a
        .model({
            courseId: a.id(),
            course: a.belongsTo('Course', 'courseId'),
            archiveId: a.id(),
            archive: a.belongsTo('Course', 'archiveId'),
            title: a.string(),
            solution: a.string().authorization((allow) => [allow.ownerDefinedIn('teacher')]),
            work: a.hasMany('Work', 'assignmentId'),
        })
        .authorization((allow) => [allow.ownerDefinedIn('teacher'), allow.authenticated().to(['get', 'listen'])]),
    Work: a
        .model({
            assignmentId: a.id().required(),
            assignment: a.belongsTo('Assignment', 'assignmentId'),
            text: a.string(),
            teacher: a.string(),
            grade: a.integer().authorization((allow) => [allow.owner().to(['read']), allow.ownerDefinedIn('teacher')]),
            remarks: a.string().array().authorization((allow) => [allow.ownerDefinedIn('teacher').to(['create', 'update', 'read']), allow.owner().to(['read'])]),
        })
        .secondaryIndexes((index) => [index('teacher').sortKeys(['grade']).queryField('workOfTeacher')])
        .authorization((allow) => [allow.owner().to(['create', 'read', 'update']), allow.ownerDefinedIn('teacher').to(['read', 'update']), allow.group('Admin').to(['delete'])]),
});
