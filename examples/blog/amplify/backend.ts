import { defineBackend } from '@aws-amplify/backend';
import { postConfirmation } from './auth/post-confirmation/resource';
import { preSignUp } from './auth/pre-sign-up/resource';
import { auth } from './auth/resource';
import { data } from './data/resource';
import { digest } from './functions/digest/resource';
import { processOrder } from './functions/process-order/resource';
import { storage } from './storage/resource';
import { thumbnail } from './storage/thumbnail/resource';

defineBackend({
  auth,
  data,
  storage,
  processOrder,
  preSignUp,
  postConfirmation,
  thumbnail,
  digest,
});
