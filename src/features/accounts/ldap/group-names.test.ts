import assert from 'node:assert/strict';
import { it } from 'node:test';
import { firstCommonName } from './group-names.ts';

it('reads the common name of a group from its distinguished name', () => {
  const cases: [string, string | null][] = [
    ['cn=engineers,ou=groups,dc=example,dc=org', 'engineers'],
    ['CN=Domain Users, CN=Users,DC=corp', 'Domain Users'],
    ['ou=x+cn=second,dc=org', 'second'],
    ['cn=Sales\\, EMEA,dc=org', 'Sales, EMEA'],
    ['cn=M\\C3\\BCnchen,dc=org', 'München'],
    ['cn=München,dc=org', 'München'],
    ['cn=a\\2Cb\\\\c\\+d\\"e,dc=org', 'a,b\\c+d"e'],
    ['cn=\\ padded\\ ,dc=org', ' padded '],
    ['cn=ends with slash\\\\ ,dc=org', 'ends with slash\\'],
    ['cn = spaced ,dc=org', 'spaced'],
    ['ou=none,dc=org', null],
    ['cn=,cn=later', 'later'],
    ['', null],
    ['acn=no,dc=cn', null],
  ];
  for (const [dn, name] of cases) assert.equal(firstCommonName(dn), name, dn);
});
