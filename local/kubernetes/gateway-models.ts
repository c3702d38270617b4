/**
 * Fields of the Gateway API's custom resources (`gateway.networking.k8s.io/v1`, standard channel), which no client library brings. One line per model:
 * `field:type`, types as in Go: `[]T` lists, `{}T` maps; names with a capital are models.
 */

export const GATEWAY_MODELS: Record<string, string> = {
  GatewayClass: 'apiVersion:string kind:string metadata:V1ObjectMeta spec:GatewayClassSpec status:GatewayClassStatus',
  GatewayClassSpec: 'controllerName:string description:string parametersRef:GatewayParametersRef',
  GatewayParametersRef: 'group:string kind:string name:string namespace:string',
  GatewayClassStatus: 'conditions:[]V1Condition supportedFeatures:[]GatewaySupportedFeature',
  GatewaySupportedFeature: 'name:string',

  Gateway: 'apiVersion:string kind:string metadata:V1ObjectMeta spec:GatewaySpec status:GatewayStatus',
  GatewaySpec: 'gatewayClassName:string listeners:[]GatewayListener addresses:[]GatewayAddress infrastructure:GatewayInfrastructure',
  GatewayInfrastructure: 'labels:{}string annotations:{}string parametersRef:GatewayParametersRef',
  GatewayAddress: 'type:string value:string',
  GatewayListener: 'name:string hostname:string port:int32 protocol:string tls:GatewayTls allowedRoutes:GatewayAllowedRoutes',
  GatewayTls: 'mode:string certificateRefs:[]GatewayObjectRef options:{}string',
  GatewayObjectRef: 'group:string kind:string name:string namespace:string',
  GatewayAllowedRoutes: 'namespaces:GatewayRouteNamespaces kinds:[]GatewayRouteKind',
  GatewayRouteNamespaces: 'from:string selector:V1LabelSelector',
  GatewayRouteKind: 'group:string kind:string',
  GatewayStatus: 'addresses:[]GatewayAddress conditions:[]V1Condition listeners:[]GatewayListenerStatus',
  GatewayListenerStatus: 'name:string supportedKinds:[]GatewayRouteKind attachedRoutes:int32 conditions:[]V1Condition',

  HTTPRoute: 'apiVersion:string kind:string metadata:V1ObjectMeta spec:HTTPRouteSpec status:HTTPRouteStatus',
  HTTPRouteSpec: 'parentRefs:[]HTTPRouteParentRef hostnames:[]string rules:[]HTTPRouteRule',
  HTTPRouteParentRef: 'group:string kind:string namespace:string name:string sectionName:string port:int32',
  HTTPRouteRule:
    'name:string matches:[]HTTPRouteMatch filters:[]HTTPRouteFilter backendRefs:[]HTTPRouteBackendRef timeouts:HTTPRouteTimeouts',
  HTTPRouteMatch: 'path:HTTPRoutePathMatch headers:[]HTTPRouteValueMatch queryParams:[]HTTPRouteValueMatch method:string',
  HTTPRoutePathMatch: 'type:string value:string',
  HTTPRouteValueMatch: 'type:string name:string value:string',
  HTTPRouteTimeouts: 'request:string backendRequest:string',
  HTTPRouteBackendRef: 'group:string kind:string name:string namespace:string port:int32 weight:int32 filters:[]HTTPRouteFilter',
  HTTPRouteFilter:
    'type:string requestHeaderModifier:HTTPRouteHeaders responseHeaderModifier:HTTPRouteHeaders requestMirror:HTTPRouteMirror requestRedirect:HTTPRouteRedirect urlRewrite:HTTPRouteRewrite extensionRef:GatewayRouteExtension',
  HTTPRouteHeaders: 'set:[]HTTPRouteHeader add:[]HTTPRouteHeader remove:[]string',
  HTTPRouteHeader: 'name:string value:string',
  HTTPRouteMirror: 'backendRef:HTTPRouteMirrorRef percent:int32 fraction:HTTPRouteFraction',
  HTTPRouteMirrorRef: 'group:string kind:string name:string namespace:string port:int32',
  HTTPRouteFraction: 'numerator:int32 denominator:int32',
  HTTPRouteRedirect: 'scheme:string hostname:string path:HTTPRouteNewPath port:int32 statusCode:int64',
  HTTPRouteRewrite: 'hostname:string path:HTTPRouteNewPath',
  HTTPRouteNewPath: 'type:string replaceFullPath:string replacePrefixMatch:string',
  GatewayRouteExtension: 'group:string kind:string name:string',
  HTTPRouteStatus: 'parents:[]HTTPRouteParentStatus',
  HTTPRouteParentStatus: 'parentRef:HTTPRouteParentRef controllerName:string conditions:[]V1Condition',
};
