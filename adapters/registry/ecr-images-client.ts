/** What lists and deletes need of ECR, by name, apart from what copies need. */
export { BatchDeleteImageCommand, BatchGetImageCommand, DescribeImagesCommand, DescribeRepositoriesCommand } from '@aws-sdk/client-ecr';
