// Relations: loaded lazily and by selectionSet, each way, with pages and filters.
// project: school
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { all, client, ok } from '../lib/client.mjs';

const { Teacher, Desk, Course, Pupil, Enrolment, Building, Room } = client.models;
const titles = (items) => items.map(({ title }) => title).sort();

before(async () => {
  await ok(Teacher.create({ id: 'ada', name: 'Ada' }));
  await ok(Teacher.create({ id: 'bob', name: 'Bob', mentorId: 'ada' }));
  await ok(Teacher.create({ id: 'cyd', name: 'Cyd', mentorId: 'ada' }));
  await ok(Desk.create({ id: 'd1', room: 'R1', teacherId: 'ada' }));
  await ok(Desk.create({ id: 'd2', room: 'R2' }));
  for (const title of ['Algebra', 'Biology', 'Chemistry']) await ok(Course.create({ id: title, title, teacherId: 'ada' }));
  await ok(Course.create({ id: 'Drama', title: 'Drama' }));
  await ok(Course.create({ id: 'Lost', title: 'Lost', teacherId: 'nobody' }));
  for (const name of ['Pia', 'Quin']) await ok(Pupil.create({ id: name, name }));
  const enrol = (courseId, pupilId, grade) => ok(Enrolment.create({ id: `${courseId}-${pupilId}`, courseId, pupilId, grade }));
  await enrol('Algebra', 'Pia', 1);
  await enrol('Algebra', 'Quin', 2);
  await enrol('Biology', 'Pia', 3);
  await ok(Building.create({ town: 'Rome', number: 7 }));
  await ok(Building.create({ town: 'Rome', number: 70 }));
  await ok(Room.create({ id: 'r1', name: 'Hall', buildingTown: 'Rome', buildingNumber: 7 }));
  await ok(Room.create({ id: 'r2', name: 'Attic', buildingTown: 'Rome', buildingNumber: 7 }));
  await ok(Room.create({ id: 'r3', name: 'Cellar', buildingTown: 'Rome', buildingNumber: 70 }));
});

describe('lazily', () => {
  test('hasMany', async () => {
    const ada = await ok(Teacher.get({ id: 'ada' }));
    assert.deepEqual(titles(await ok(ada.courses())), ['Algebra', 'Biology', 'Chemistry']);
    assert.deepEqual(titles(await all(ada.courses, { limit: 1 })), ['Algebra', 'Biology', 'Chemistry']);
    const bob = await ok(Teacher.get({ id: 'bob' }));
    assert.deepEqual(await ok(bob.courses()), []);
  });

  test('hasOne', async () => {
    const ada = await ok(Teacher.get({ id: 'ada' }));
    assert.equal((await ok(ada.desk())).room, 'R1');
    const bob = await ok(Teacher.get({ id: 'bob' }));
    assert.equal((await bob.desk()).data ?? null, null);
  });

  test('belongsTo, also of nobody and of somebody who is gone', async () => {
    const course = await ok(Course.get({ id: 'Algebra' }));
    assert.equal((await ok(course.teacher())).name, 'Ada');
    assert.equal((await ok((await ok(Course.get({ id: 'Drama' }))).teacher())) ?? null, null);
    assert.equal(await ok((await ok(Course.get({ id: 'Lost' }))).teacher()), null);
  });

  test('through the table between two models', async () => {
    const algebra = await ok(Course.get({ id: 'Algebra' }));
    const pupils = await Promise.all((await ok(algebra.enrolments())).map(async (each) => (await ok(each.pupil())).name));
    assert.deepEqual(pupils.sort(), ['Pia', 'Quin']);
  });

  test('from one teacher to another', async () => {
    const bob = await ok(Teacher.get({ id: 'bob' }));
    const mentor = await ok(bob.mentor());
    assert.equal(mentor.name, 'Ada');
    assert.deepEqual((await ok(mentor.mentees())).map(({ name }) => name).sort(), ['Bob', 'Cyd']);
  });

  test('by a key of two fields', async () => {
    const rome = await ok(Building.get({ town: 'Rome', number: 7 }));
    assert.deepEqual((await ok(rome.rooms())).map(({ name }) => name).sort(), ['Attic', 'Hall']);
  });

  test('what was just created can load its relations', async () => {
    const { id } = await ok(Course.create({ title: 'Music', teacherId: 'bob' }));
    const created = await ok(Course.get({ id }));
    assert.equal((await ok(created.teacher())).name, 'Bob');
    await ok(Course.delete({ id }));
  });
});

describe('by selectionSet', () => {
  test('hasMany, hasOne and belongsTo in one request', async () => {
    const ada = await ok(Teacher.get({ id: 'ada' }, { selectionSet: ['name', 'courses.title', 'desk.room', 'mentees.name', 'mentor.name'] }));
    assert.deepEqual(titles(ada.courses), ['Algebra', 'Biology', 'Chemistry']);
    assert.deepEqual(ada.desk, { room: 'R1' });
    assert.deepEqual(ada.mentees.map(({ name }) => name).sort(), ['Bob', 'Cyd']);
    assert.equal(ada.mentor, null);
  });

  test('a star takes all fields of the related model', async () => {
    const course = await ok(Course.get({ id: 'Algebra' }, { selectionSet: ['teacher.*'] }));
    assert.equal(course.teacher.name, 'Ada');
    assert.deepEqual(Object.keys(course.teacher).filter((key) => /At$/.test(key)).sort(), ['createdAt', 'updatedAt']);
  });

  test('four levels deep and back', async () => {
    const selectionSet = ['name', 'courses.title', 'courses.enrolments.grade', 'courses.enrolments.pupil.name', 'courses.enrolments.pupil.enrolments.course.title'];
    const ada = await ok(Teacher.get({ id: 'ada' }, { selectionSet }));
    const algebra = ada.courses.find(({ title }) => title === 'Algebra');
    assert.deepEqual(algebra.enrolments.map(({ grade }) => grade).sort(), [1, 2]);
    const pia = algebra.enrolments.find(({ pupil }) => pupil.name === 'Pia').pupil;
    assert.deepEqual(pia.enrolments.map(({ course }) => course.title).sort(), ['Algebra', 'Biology']);
  });

  test('for every item of a list, also where there is nothing', async () => {
    const courses = await ok(Course.list({ selectionSet: ['title', 'teacher.name'] }));
    const teachers = Object.fromEntries(courses.map(({ title, teacher }) => [title, teacher?.name ?? null]));
    assert.deepEqual(teachers, { Algebra: 'Ada', Biology: 'Ada', Chemistry: 'Ada', Drama: null, Lost: null });
    const desks = await ok(Desk.list({ selectionSet: ['room', 'teacher.name'] }));
    assert.deepEqual(desks.sort((a, b) => a.room.localeCompare(b.room)), [{ room: 'R1', teacher: { name: 'Ada' } }, { room: 'R2', teacher: null }]);
  });

  test('by a key of two fields, both ways', async () => {
    const buildings = await ok(Building.list({ selectionSet: ['number', 'rooms.name'] }));
    const rooms = Object.fromEntries(buildings.map((each) => [each.number, each.rooms.map(({ name }) => name).sort()]));
    assert.deepEqual(rooms, { 7: ['Attic', 'Hall'], 70: ['Cellar'] });
    const room = await ok(Room.get({ id: 'r3' }, { selectionSet: ['building.number', 'building.town'] }));
    assert.deepEqual(room.building, { number: 70, town: 'Rome' });
  });

  test('an update moves a child from one parent to the other', async () => {
    const of = async (id) => titles((await ok(Teacher.get({ id }, { selectionSet: ['courses.title'] }))).courses);
    await ok(Course.update({ id: 'Chemistry', teacherId: 'bob' }));
    assert.deepEqual([await of('ada'), await of('bob')], [['Algebra', 'Biology'], ['Chemistry']]);
    await ok(Course.update({ id: 'Chemistry', teacherId: 'ada' }));
    assert.deepEqual([await of('ada'), await of('bob')], [['Algebra', 'Biology', 'Chemistry'], []]);
  });

  test('a mutation returns relations when both models have the same fixed rules', async () => {
    const made = await ok(Enrolment.create({ courseId: 'Biology', pupilId: 'Quin' }, { selectionSet: ['id', 'course.title', 'pupil.name'] }));
    assert.deepEqual([made.course.title, made.pupil.name], ['Biology', 'Quin']);
    await ok(Enrolment.delete({ id: made.id }));
  });
});

describe('nested arguments by client.graphql', () => {
  const courses = async (args) => {
    const query = `query { getTeacher(id: "ada") { courses${args} { items { title } nextToken } } }`;
    return (await client.graphql({ query })).data.getTeacher.courses;
  };

  test('limit and nextToken', async () => {
    const found = [];
    let page = await courses('(limit: 2)');
    found.push(...page.items);
    assert.equal(found.length, 2);
    page = await courses(`(limit: 2, nextToken: ${JSON.stringify(page.nextToken)})`);
    found.push(...page.items);
    assert.deepEqual(titles(found), ['Algebra', 'Biology', 'Chemistry']);
    assert.equal(page.nextToken, null);
  });

  test('filter', async () => {
    assert.deepEqual(titles((await courses('(filter: {title: {beginsWith: "B"}})')).items), ['Biology']);
    assert.deepEqual(titles((await courses('(filter: {not: {title: {beginsWith: "B"}}})')).items), ['Algebra', 'Chemistry']);
  });

  test('more than a hundred children come in pages', async () => {
    await ok(Teacher.create({ id: 'max', name: 'Max' }));
    await Promise.all(Array.from({ length: 130 }, (_, index) => ok(Course.create({ title: `M${index}`, teacherId: 'max' }))));
    const { data } = await client.graphql({ query: '{ getTeacher(id: "max") { courses { items { id } nextToken } } }' });
    assert.equal(data.getTeacher.courses.items.length, 100);
    assert.equal(typeof data.getTeacher.courses.nextToken, 'string');
    const max = await ok(Teacher.get({ id: 'max' }));
    assert.equal((await all(max.courses)).length, 130);
  });
});
