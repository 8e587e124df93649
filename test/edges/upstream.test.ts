import { createUpstream } from '../../lambdas/edges/upstream.ts';
import { createNodeUpstream } from '../../lambdas/edges/upstream-node.ts';
import { upstreamContract } from './upstream-contract.ts';

upstreamContract('undici pools', createUpstream);
upstreamContract('node:http', createNodeUpstream);
