export {
  deleteVersion,
  deleteVersions,
  findVersion,
  insertVersion,
  listVersions,
  newestVersion,
  type Version,
  type Versioned,
} from './store.ts';
