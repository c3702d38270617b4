/** What is used of the semver package, function by function: the package as a whole loads all of them. */
import compare from 'semver/functions/compare.js';
import diff from 'semver/functions/diff.js';
import parse from 'semver/functions/parse.js';
import satisfies from 'semver/functions/satisfies.js';
import valid from 'semver/functions/valid.js';
import validRange from 'semver/ranges/valid.js';

export default { compare, diff, parse, satisfies, valid, validRange };
