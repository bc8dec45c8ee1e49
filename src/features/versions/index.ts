export {
  deleteVersion,
  deleteVersions,
  findVersion,
  insertVersion,
  listVersions,
  newestVersion,
  type Version,
} from './store.ts';
