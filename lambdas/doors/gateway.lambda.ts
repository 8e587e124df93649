/** The gateway behind its function URL. */
import { composeLambda } from './compose-lambda.ts';
import { createLambdaHandler } from './lambda-handler.ts';

export const handler = createLambdaHandler(composeLambda(process.env));
