import { defineBackend } from '@aws-amplify/backend';
import { auth } from './auth/resource';
import { data } from './data/resource';
import { processOrder } from './functions/process-order/resource';
import { storage } from './storage/resource';

defineBackend({
  auth,
  data,
  storage,
  processOrder,
});
