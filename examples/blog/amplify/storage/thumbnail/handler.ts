import { env } from '$amplify/env/thumbnail';
import { getAmplifyDataClientConfig } from '@aws-amplify/backend/function/runtime';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Amplify } from 'aws-amplify';
import { generateClient } from 'aws-amplify/data';
import type { S3EventRecord, S3Handler } from 'aws-lambda';
import type { Schema } from '../../data/resource';
import { sizeOf } from './size';

const { resourceConfig, libraryOptions } = await getAmplifyDataClientConfig(env);
Amplify.configure(resourceConfig, libraryOptions);
const client = generateClient<Schema>();
const s3 = new S3Client();

const LARGEST = 96; // pixels of a thumbnail's longer side

/** Keeps a record of each picture: how large it is, and how large to show it where there is little room. */
export const handler: S3Handler = async (event) => {
  for (const record of event.Records) {
    const path = decodeURIComponent(record.s3.object.key.replaceAll('+', ' '));
    if (record.eventName.startsWith('ObjectCreated:')) await keep(path, record);
    else await client.models.Thumbnail.delete({ path });
  }
};

async function keep(path: string, { s3: { bucket, object } }: S3EventRecord) {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket.name, Key: path, Range: 'bytes=0-65535' }));
  const size = sizeOf(await Body!.transformToByteArray());
  const scale = size ? Math.min(1, LARGEST / Math.max(size.width, size.height)) : 1;
  const thumbnail = {
    path,
    bytes: object.size,
    width: size?.width,
    height: size?.height,
    thumbnailWidth: size && Math.max(1, Math.round(size.width * scale)),
    thumbnailHeight: size && Math.max(1, Math.round(size.height * scale)),
  };
  // An event may come twice: what is there already is brought up to date.
  const { data: present } = await client.models.Thumbnail.get({ path });
  const { errors } = present
    ? await client.models.Thumbnail.update(thumbnail)
    : await client.models.Thumbnail.create(thumbnail);
  if (errors) throw new Error(errors.map(({ message }) => message).join(' '));
}
