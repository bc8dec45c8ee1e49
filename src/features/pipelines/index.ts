export { type PipelinesDeps, pipelineRoutes } from './routes.ts';
