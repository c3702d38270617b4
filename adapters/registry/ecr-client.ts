/** What the registries need of ECR, by name, so that a bundle holds nothing else of the client. Loaded by the first registry that is ECR. */
export {
  CompleteLayerUploadCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
  InitiateLayerUploadCommand,
  UploadLayerPartCommand,
} from '@aws-sdk/client-ecr';
