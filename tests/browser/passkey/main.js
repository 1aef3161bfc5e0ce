// A page without a face: it lends the official client to the test.
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import outputs from './amplify_outputs.json';

Amplify.configure(outputs);

window.auth = auth;
