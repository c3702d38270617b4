/**
 * Field numbers of the messages that kubectl's typed commands send (`create …`, `auth can-i`, `auth whoami`).
 * `NUMBER:name:type`; types: `s` string, `i` number, `b` boolean (all left out when empty), `I` and `B` kept when 0 or false, `t` time,
 * `q` quantity, `x` int-or-string, else a message; `[]` after a type: repeated, `{}`: map from strings.
 */
const MESSAGES: Record<string, string> = {
  ObjectMeta:
    '1:name:s 2:generateName:s 3:namespace:s 5:uid:s 6:resourceVersion:s 7:generation:i 8:creationTimestamp:t 11:labels:s{} 12:annotations:s{} 14:finalizers:s[]',
  Namespace: '1:metadata:ObjectMeta 2:spec:NamespaceSpec',
  NamespaceSpec: '1:finalizers:s[]',
  ConfigMap: '1:metadata:ObjectMeta 2:data:s{} 4:immutable:B',
  ServiceAccount: '1:metadata:ObjectMeta 4:automountServiceAccountToken:B',
  ResourceQuota: '1:metadata:ObjectMeta 2:spec:ResourceQuotaSpec',
  ResourceQuotaSpec: '1:hard:q{} 2:scopes:s[]',
  Service: '1:metadata:ObjectMeta 2:spec:ServiceSpec',
  ServiceSpec:
    '1:ports:ServicePort[] 2:selector:s{} 3:clusterIP:s 4:type:s 5:externalIPs:s[] 7:sessionAffinity:s 8:loadBalancerIP:s 10:externalName:s',
  ServicePort: '1:name:s 2:protocol:s 3:port:i 4:targetPort:x 5:nodePort:i',
  Deployment: '1:metadata:ObjectMeta 2:spec:DeploymentSpec',
  DeploymentSpec:
    '1:replicas:I 2:selector:LabelSelector 3:template:PodTemplateSpec 4:strategy:DeploymentStrategy 5:minReadySeconds:i 6:revisionHistoryLimit:I 7:paused:b 9:progressDeadlineSeconds:I',
  DeploymentStrategy: '1:type:s 2:rollingUpdate:RollingUpdateDeployment',
  RollingUpdateDeployment: '1:maxUnavailable:x 2:maxSurge:x',
  LabelSelector: '1:matchLabels:s{} 2:matchExpressions:LabelSelectorRequirement[]',
  LabelSelectorRequirement: '1:key:s 2:operator:s 3:values:s[]',
  PodTemplateSpec: '1:metadata:ObjectMeta 2:spec:PodSpec',
  PodSpec:
    '2:containers:Container[] 3:restartPolicy:s 4:terminationGracePeriodSeconds:I 6:dnsPolicy:s 7:nodeSelector:s{} 8:serviceAccountName:s',
  Container: '1:name:s 2:image:s 3:command:s[] 4:args:s[] 5:workingDir:s 6:ports:ContainerPort[] 7:env:EnvVar[] 14:imagePullPolicy:s',
  ContainerPort: '1:name:s 2:hostPort:i 3:containerPort:i 4:protocol:s 5:hostIP:s',
  EnvVar: '1:name:s 2:value:s',
  Role: '1:metadata:ObjectMeta 2:rules:PolicyRule[]',
  ClusterRole: '1:metadata:ObjectMeta 2:rules:PolicyRule[]',
  PolicyRule: '1:verbs:s[] 2:apiGroups:s[] 3:resources:s[] 4:resourceNames:s[] 5:nonResourceURLs:s[]',
  RoleBinding: '1:metadata:ObjectMeta 2:subjects:Subject[] 3:roleRef:RoleRef',
  ClusterRoleBinding: '1:metadata:ObjectMeta 2:subjects:Subject[] 3:roleRef:RoleRef',
  Subject: '1:kind:s 2:apiGroup:s 3:name:s 4:namespace:s',
  RoleRef: '1:apiGroup:s 2:kind:s 3:name:s',
  SelfSubjectAccessReview: '1:metadata:ObjectMeta 2:spec:SelfSubjectAccessReviewSpec',
  SelfSubjectAccessReviewSpec: '1:resourceAttributes:ResourceAttributes 2:nonResourceAttributes:NonResourceAttributes',
  ResourceAttributes: '1:namespace:s 2:verb:s 3:group:s 4:version:s 5:resource:s 6:subresource:s 7:name:s',
  NonResourceAttributes: '1:path:s 2:verb:s',
  SelfSubjectReview: '1:metadata:ObjectMeta',
};

export interface ProtobufField {
  name: string;
  type: string;
  repeated: boolean;
  map: boolean;
}

/** Fields of a message by number; undefined for messages that are not read. */
export function protobufFields(message: string): Map<number, ProtobufField> | undefined {
  const text = Object.hasOwn(MESSAGES, message) ? MESSAGES[message] : undefined;
  if (text === undefined) return undefined;
  return new Map(
    text.split(' ').map((part) => {
      const [number, name, type] = part.split(':') as [string, string, string];
      const field = { name, type: type.replace(/\[\]|\{\}/, ''), repeated: type.endsWith('[]'), map: type.endsWith('{}') };
      return [Number(number), field];
    }),
  );
}
