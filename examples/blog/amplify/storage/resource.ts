import { defineStorage } from '@aws-amplify/backend';
import { thumbnail } from './thumbnail/resource';

export const storage = defineStorage({
  name: 'myAppStorage',
  access: (allow) => ({
    'profile-pictures/{entity_id}/*': [
      allow.guest.to(['read']),
      allow.entity('identity').to(['read', 'write', 'delete']),
      allow.groups(['EDITORS']).to(['read', 'write', 'delete']),
      allow.resource(thumbnail).to(['read']),
    ],
    'public/*': [
      allow.guest.to(['read']),
      allow.authenticated.to(['read', 'write']),
      allow.groups(['EDITORS']).to(['read', 'write']),
      allow.resource(thumbnail).to(['read']),
    ],
  }),
  triggers: { onUpload: thumbnail, onDelete: thumbnail },
});
