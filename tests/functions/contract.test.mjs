// A handler cannot tell: what AWS's runtime does, with ours.
import { contract } from './contract.mjs';

contract();
