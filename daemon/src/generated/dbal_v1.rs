// Written by `cargo xtask codegen` from api/idl/dbal.proto. Do not edit.

/// A value that says its type. Absent is not null: `kind` is always set, but for a column of `Rows` that one row lacks.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Value {
    #[prost(
        oneof = "value::Kind",
        tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15"
    )]
    pub kind: ::core::option::Option<value::Kind>,
}
/// Nested message and enum types in `Value`.
pub mod value {
    #[derive(Clone, PartialEq, ::prost::Oneof)]
    pub enum Kind {
        #[prost(enumeration = "super::Null", tag = "1")]
        Null(i32),
        #[prost(bool, tag = "2")]
        Bool(bool),
        #[prost(sint64, tag = "3")]
        Int(i64),
        #[prost(double, tag = "4")]
        Float(f64),
        #[prost(string, tag = "5")]
        Text(::prost::alloc::string::String),
        #[prost(bytes, tag = "6")]
        Bytes(::prost::alloc::vec::Vec<u8>),
        /// Milliseconds since 1970-01-01T00:00:00Z.
        #[prost(sint64, tag = "7")]
        Datetime(i64),
        /// YYYY-MM-DD.
        #[prost(string, tag = "8")]
        Date(::prost::alloc::string::String),
        /// 16 bytes.
        #[prost(bytes, tag = "9")]
        Uuid(::prost::alloc::vec::Vec<u8>),
        /// Digits, exact.
        #[prost(string, tag = "10")]
        Decimal(::prost::alloc::string::String),
        #[prost(message, tag = "11")]
        List(super::List),
        #[prost(message, tag = "12")]
        Object(super::Object),
        /// A related row: at most one.
        #[prost(message, tag = "13")]
        Row(super::Rows),
        /// Related rows.
        #[prost(message, tag = "14")]
        Rows(super::Rows),
        /// JSON text in place of lists and objects: what nests deeper than 16 of them comes so, because readers of protobuf
        /// follow a hundred messages at most, and may be sent so.
        #[prost(string, tag = "15")]
        Json(::prost::alloc::string::String),
    }
}
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct List {
    #[prost(message, repeated, tag = "1")]
    pub values: ::prost::alloc::vec::Vec<Value>,
}
/// Members in order; a name stands once.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Object {
    #[prost(message, repeated, tag = "1")]
    pub members: ::prost::alloc::vec::Vec<Member>,
}
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Member {
    #[prost(string, tag = "1")]
    pub name: ::prost::alloc::string::String,
    #[prost(message, optional, tag = "2")]
    pub value: ::core::option::Option<Value>,
}
/// Columns once, then rows of as many values.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Rows {
    #[prost(string, repeated, tag = "1")]
    pub columns: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
    #[prost(message, repeated, tag = "2")]
    pub rows: ::prost::alloc::vec::Vec<Row>,
}
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Row {
    #[prost(message, repeated, tag = "1")]
    pub values: ::prost::alloc::vec::Vec<Value>,
}
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Request {
    /// In snake case, such as `find_many`.
    #[prost(string, tag = "1")]
    pub operation: ::prost::alloc::string::String,
    /// Name or plural; empty with `batch`.
    #[prost(string, tag = "2")]
    pub entity: ::prost::alloc::string::String,
    /// The arguments by name.
    #[prost(message, optional, tag = "3")]
    pub args: ::core::option::Option<Object>,
}
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Response {
    #[prost(oneof = "response::Answer", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    pub answer: ::core::option::Option<response::Answer>,
}
/// Nested message and enum types in `Response`.
pub mod response {
    #[derive(Clone, PartialEq, ::prost::Oneof)]
    pub enum Answer {
        /// Of create, read, update, upsert, and first.
        #[prost(message, tag = "1")]
        Row(super::Rows),
        #[prost(message, tag = "2")]
        Rows(super::Rows),
        #[prost(message, tag = "3")]
        Page(super::Page),
        /// Of count.
        #[prost(sint64, tag = "4")]
        Count(i64),
        /// How many were written.
        #[prost(sint64, tag = "5")]
        Affected(i64),
        /// Of distinct.
        #[prost(message, tag = "6")]
        Values(super::List),
        /// Of aggregate without and with `group_by`, and of call: a value that its body made.
        #[prost(message, tag = "7")]
        Value(super::Value),
        /// Of delete.
        #[prost(bool, tag = "8")]
        Done(bool),
        /// Of batch.
        #[prost(message, tag = "9")]
        Batch(super::Responses),
    }
}
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Responses {
    #[prost(message, repeated, tag = "1")]
    pub responses: ::prost::alloc::vec::Vec<Response>,
}
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Page {
    #[prost(message, optional, tag = "1")]
    pub data: ::core::option::Option<Rows>,
    #[prost(sint64, optional, tag = "2")]
    pub total: ::core::option::Option<i64>,
    #[prost(sint64, tag = "3")]
    pub page: i64,
    #[prost(sint64, tag = "4")]
    pub limit: i64,
    #[prost(bool, tag = "5")]
    pub has_more: bool,
    #[prost(string, optional, tag = "6")]
    pub next_cursor: ::core::option::Option<::prost::alloc::string::String>,
    #[prost(string, optional, tag = "7")]
    pub prev_cursor: ::core::option::Option<::prost::alloc::string::String>,
}
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TransactionRequest {
    #[prost(oneof = "transaction_request::Step", tags = "1, 2, 3, 4")]
    pub step: ::core::option::Option<transaction_request::Step>,
}
/// Nested message and enum types in `TransactionRequest`.
pub mod transaction_request {
    #[derive(Clone, PartialEq, ::prost::Oneof)]
    pub enum Step {
        #[prost(message, tag = "1")]
        Request(super::Request),
        /// A transaction inside this one; `commit` and `rollback` end the innermost.
        #[prost(message, tag = "2")]
        Begin(super::Begin),
        #[prost(message, tag = "3")]
        Commit(super::Commit),
        #[prost(message, tag = "4")]
        Rollback(super::Rollback),
    }
}
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Begin {}
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Commit {}
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Rollback {}
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TransactionResponse {
    #[prost(oneof = "transaction_response::Result", tags = "1, 2, 3")]
    pub result: ::core::option::Option<transaction_response::Result>,
}
/// Nested message and enum types in `TransactionResponse`.
pub mod transaction_response {
    #[derive(Clone, PartialEq, ::prost::Oneof)]
    pub enum Result {
        #[prost(message, tag = "1")]
        Response(super::Response),
        /// Begun, committed or rolled back.
        #[prost(bool, tag = "2")]
        Done(bool),
        /// A request failed and the transaction goes on: google.rpc.Status, as in `grpc-status-details-bin`.
        #[prost(bytes, tag = "3")]
        Error(::prost::alloc::vec::Vec<u8>),
    }
}
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct SchemaRequest {}
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct CapabilitiesRequest {}
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Document {
    #[prost(string, tag = "1")]
    pub json: ::prost::alloc::string::String,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum Null {
    Null = 0,
}
impl Null {
    /// String value of the enum field names used in the ProtoBuf definition.
    ///
    /// The values are not transformed in any way and thus are considered stable
    /// (if the ProtoBuf definition does not change) and safe for programmatic use.
    pub fn as_str_name(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
        }
    }
    /// Creates an enum from field names used in the ProtoBuf definition.
    pub fn from_str_name(value: &str) -> ::core::option::Option<Self> {
        match value {
            "NULL" => Some(Self::Null),
            _ => None,
        }
    }
}
/// Generated client implementations.
pub mod dbal_client {
    #![allow(
        unused_variables,
        dead_code,
        missing_docs,
        clippy::wildcard_imports,
        clippy::let_unit_value,
    )]
    use tonic::codegen::*;
    use tonic::codegen::http::Uri;
    #[derive(Debug, Clone)]
    pub struct DbalClient<T> {
        inner: tonic::client::Grpc<T>,
    }
    impl<T> DbalClient<T>
    where
        T: tonic::client::GrpcService<tonic::body::Body>,
        T::Error: Into<StdError>,
        T::ResponseBody: Body<Data = Bytes> + std::marker::Send + 'static,
        <T::ResponseBody as Body>::Error: Into<StdError> + std::marker::Send,
    {
        pub fn new(inner: T) -> Self {
            let inner = tonic::client::Grpc::new(inner);
            Self { inner }
        }
        pub fn with_origin(inner: T, origin: Uri) -> Self {
            let inner = tonic::client::Grpc::with_origin(inner, origin);
            Self { inner }
        }
        pub fn with_interceptor<F>(
            inner: T,
            interceptor: F,
        ) -> DbalClient<InterceptedService<T, F>>
        where
            F: tonic::service::Interceptor,
            T::ResponseBody: Default,
            T: tonic::codegen::Service<
                http::Request<tonic::body::Body>,
                Response = http::Response<
                    <T as tonic::client::GrpcService<tonic::body::Body>>::ResponseBody,
                >,
            >,
            <T as tonic::codegen::Service<
                http::Request<tonic::body::Body>,
            >>::Error: Into<StdError> + std::marker::Send + std::marker::Sync,
        {
            DbalClient::new(InterceptedService::new(inner, interceptor))
        }
        /// Compress requests with the given encoding.
        ///
        /// This requires the server to support it otherwise it might respond with an
        /// error.
        #[must_use]
        pub fn send_compressed(mut self, encoding: CompressionEncoding) -> Self {
            self.inner = self.inner.send_compressed(encoding);
            self
        }
        /// Enable decompressing responses.
        #[must_use]
        pub fn accept_compressed(mut self, encoding: CompressionEncoding) -> Self {
            self.inner = self.inner.accept_compressed(encoding);
            self
        }
        /// Limits the maximum size of a decoded message.
        ///
        /// Default: `4MB`
        #[must_use]
        pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
            self.inner = self.inner.max_decoding_message_size(limit);
            self
        }
        /// Limits the maximum size of an encoded message.
        ///
        /// Default: `usize::MAX`
        #[must_use]
        pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
            self.inner = self.inner.max_encoding_message_size(limit);
            self
        }
        /// Any operation but `stream`.
        pub async fn execute(
            &mut self,
            request: impl tonic::IntoRequest<super::Request>,
        ) -> std::result::Result<tonic::Response<super::Response>, tonic::Status> {
            self.inner
                .ready()
                .await
                .map_err(|e| {
                    tonic::Status::unknown(
                        format!("Service was not ready: {}", e.into()),
                    )
                })?;
            let codec = crate::grpc::codec::Codec::default();
            let path = http::uri::PathAndQuery::from_static("/dbal.v1.Dbal/Execute");
            let mut req = request.into_request();
            req.extensions_mut().insert(GrpcMethod::new("dbal.v1.Dbal", "Execute"));
            self.inner.unary(req, path, codec).await
        }
        /// The rows of `find_many`, in parts, in constant memory.
        pub async fn stream(
            &mut self,
            request: impl tonic::IntoRequest<super::Request>,
        ) -> std::result::Result<
            tonic::Response<tonic::codec::Streaming<super::Rows>>,
            tonic::Status,
        > {
            self.inner
                .ready()
                .await
                .map_err(|e| {
                    tonic::Status::unknown(
                        format!("Service was not ready: {}", e.into()),
                    )
                })?;
            let codec = crate::grpc::codec::Codec::default();
            let path = http::uri::PathAndQuery::from_static("/dbal.v1.Dbal/Stream");
            let mut req = request.into_request();
            req.extensions_mut().insert(GrpcMethod::new("dbal.v1.Dbal", "Stream"));
            self.inner.server_streaming(req, path, codec).await
        }
        /// Requests that apply together or not at all. The first message is `begin`; each answer is to the message of the same
        /// place. The call's end without `commit` rolls back.
        pub async fn transaction(
            &mut self,
            request: impl tonic::IntoStreamingRequest<
                Message = super::TransactionRequest,
            >,
        ) -> std::result::Result<
            tonic::Response<tonic::codec::Streaming<super::TransactionResponse>>,
            tonic::Status,
        > {
            self.inner
                .ready()
                .await
                .map_err(|e| {
                    tonic::Status::unknown(
                        format!("Service was not ready: {}", e.into()),
                    )
                })?;
            let codec = crate::grpc::codec::Codec::default();
            let path = http::uri::PathAndQuery::from_static("/dbal.v1.Dbal/Transaction");
            let mut req = request.into_streaming_request();
            req.extensions_mut().insert(GrpcMethod::new("dbal.v1.Dbal", "Transaction"));
            self.inner.streaming(req, path, codec).await
        }
        /// What the caller may see of the schema: the JSON of GET /v1/schema.
        pub async fn schema(
            &mut self,
            request: impl tonic::IntoRequest<super::SchemaRequest>,
        ) -> std::result::Result<tonic::Response<super::Document>, tonic::Status> {
            self.inner
                .ready()
                .await
                .map_err(|e| {
                    tonic::Status::unknown(
                        format!("Service was not ready: {}", e.into()),
                    )
                })?;
            let codec = crate::grpc::codec::Codec::default();
            let path = http::uri::PathAndQuery::from_static("/dbal.v1.Dbal/Schema");
            let mut req = request.into_request();
            req.extensions_mut().insert(GrpcMethod::new("dbal.v1.Dbal", "Schema"));
            self.inner.unary(req, path, codec).await
        }
        /// What the backend can do: the JSON of GET /v1/capabilities.
        pub async fn capabilities(
            &mut self,
            request: impl tonic::IntoRequest<super::CapabilitiesRequest>,
        ) -> std::result::Result<tonic::Response<super::Document>, tonic::Status> {
            self.inner
                .ready()
                .await
                .map_err(|e| {
                    tonic::Status::unknown(
                        format!("Service was not ready: {}", e.into()),
                    )
                })?;
            let codec = crate::grpc::codec::Codec::default();
            let path = http::uri::PathAndQuery::from_static(
                "/dbal.v1.Dbal/Capabilities",
            );
            let mut req = request.into_request();
            req.extensions_mut().insert(GrpcMethod::new("dbal.v1.Dbal", "Capabilities"));
            self.inner.unary(req, path, codec).await
        }
    }
}
/// Generated server implementations.
pub mod dbal_server {
    #![allow(
        unused_variables,
        dead_code,
        missing_docs,
        clippy::wildcard_imports,
        clippy::let_unit_value,
    )]
    use tonic::codegen::*;
    /// Generated trait containing gRPC methods that should be implemented for use with DbalServer.
    #[async_trait]
    pub trait Dbal: std::marker::Send + std::marker::Sync + 'static {
        /// Any operation but `stream`.
        async fn execute(
            &self,
            request: tonic::Request<super::Request>,
        ) -> std::result::Result<tonic::Response<super::Response>, tonic::Status>;
        /// Server streaming response type for the Stream method.
        type StreamStream: tonic::codegen::tokio_stream::Stream<
                Item = std::result::Result<super::Rows, tonic::Status>,
            >
            + std::marker::Send
            + 'static;
        /// The rows of `find_many`, in parts, in constant memory.
        async fn stream(
            &self,
            request: tonic::Request<super::Request>,
        ) -> std::result::Result<tonic::Response<Self::StreamStream>, tonic::Status>;
        /// Server streaming response type for the Transaction method.
        type TransactionStream: tonic::codegen::tokio_stream::Stream<
                Item = std::result::Result<super::TransactionResponse, tonic::Status>,
            >
            + std::marker::Send
            + 'static;
        /// Requests that apply together or not at all. The first message is `begin`; each answer is to the message of the same
        /// place. The call's end without `commit` rolls back.
        async fn transaction(
            &self,
            request: tonic::Request<tonic::Streaming<super::TransactionRequest>>,
        ) -> std::result::Result<
            tonic::Response<Self::TransactionStream>,
            tonic::Status,
        >;
        /// What the caller may see of the schema: the JSON of GET /v1/schema.
        async fn schema(
            &self,
            request: tonic::Request<super::SchemaRequest>,
        ) -> std::result::Result<tonic::Response<super::Document>, tonic::Status>;
        /// What the backend can do: the JSON of GET /v1/capabilities.
        async fn capabilities(
            &self,
            request: tonic::Request<super::CapabilitiesRequest>,
        ) -> std::result::Result<tonic::Response<super::Document>, tonic::Status>;
    }
    #[derive(Debug)]
    pub struct DbalServer<T> {
        inner: Arc<T>,
        accept_compression_encodings: EnabledCompressionEncodings,
        send_compression_encodings: EnabledCompressionEncodings,
        max_decoding_message_size: Option<usize>,
        max_encoding_message_size: Option<usize>,
    }
    impl<T> DbalServer<T> {
        pub fn new(inner: T) -> Self {
            Self::from_arc(Arc::new(inner))
        }
        pub fn from_arc(inner: Arc<T>) -> Self {
            Self {
                inner,
                accept_compression_encodings: Default::default(),
                send_compression_encodings: Default::default(),
                max_decoding_message_size: None,
                max_encoding_message_size: None,
            }
        }
        pub fn with_interceptor<F>(
            inner: T,
            interceptor: F,
        ) -> InterceptedService<Self, F>
        where
            F: tonic::service::Interceptor,
        {
            InterceptedService::new(Self::new(inner), interceptor)
        }
        /// Enable decompressing requests with the given encoding.
        #[must_use]
        pub fn accept_compressed(mut self, encoding: CompressionEncoding) -> Self {
            self.accept_compression_encodings.enable(encoding);
            self
        }
        /// Compress responses with the given encoding, if the client supports it.
        #[must_use]
        pub fn send_compressed(mut self, encoding: CompressionEncoding) -> Self {
            self.send_compression_encodings.enable(encoding);
            self
        }
        /// Limits the maximum size of a decoded message.
        ///
        /// Default: `4MB`
        #[must_use]
        pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
            self.max_decoding_message_size = Some(limit);
            self
        }
        /// Limits the maximum size of an encoded message.
        ///
        /// Default: `usize::MAX`
        #[must_use]
        pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
            self.max_encoding_message_size = Some(limit);
            self
        }
    }
    impl<T, B> tonic::codegen::Service<http::Request<B>> for DbalServer<T>
    where
        T: Dbal,
        B: Body + std::marker::Send + 'static,
        B::Error: Into<StdError> + std::marker::Send + 'static,
    {
        type Response = http::Response<tonic::body::Body>;
        type Error = std::convert::Infallible;
        type Future = BoxFuture<Self::Response, Self::Error>;
        fn poll_ready(
            &mut self,
            _cx: &mut Context<'_>,
        ) -> Poll<std::result::Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, req: http::Request<B>) -> Self::Future {
            match req.uri().path() {
                "/dbal.v1.Dbal/Execute" => {
                    #[allow(non_camel_case_types)]
                    struct ExecuteSvc<T: Dbal>(pub Arc<T>);
                    impl<T: Dbal> tonic::server::UnaryService<super::Request>
                    for ExecuteSvc<T> {
                        type Response = super::Response;
                        type Future = BoxFuture<
                            tonic::Response<Self::Response>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::Request>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Dbal>::execute(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = ExecuteSvc(inner);
                        let codec = crate::grpc::codec::Codec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.unary(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/dbal.v1.Dbal/Stream" => {
                    #[allow(non_camel_case_types)]
                    struct StreamSvc<T: Dbal>(pub Arc<T>);
                    impl<T: Dbal> tonic::server::ServerStreamingService<super::Request>
                    for StreamSvc<T> {
                        type Response = super::Rows;
                        type ResponseStream = T::StreamStream;
                        type Future = BoxFuture<
                            tonic::Response<Self::ResponseStream>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::Request>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Dbal>::stream(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = StreamSvc(inner);
                        let codec = crate::grpc::codec::Codec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.server_streaming(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/dbal.v1.Dbal/Transaction" => {
                    #[allow(non_camel_case_types)]
                    struct TransactionSvc<T: Dbal>(pub Arc<T>);
                    impl<
                        T: Dbal,
                    > tonic::server::StreamingService<super::TransactionRequest>
                    for TransactionSvc<T> {
                        type Response = super::TransactionResponse;
                        type ResponseStream = T::TransactionStream;
                        type Future = BoxFuture<
                            tonic::Response<Self::ResponseStream>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<
                                tonic::Streaming<super::TransactionRequest>,
                            >,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Dbal>::transaction(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = TransactionSvc(inner);
                        let codec = crate::grpc::codec::Codec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.streaming(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/dbal.v1.Dbal/Schema" => {
                    #[allow(non_camel_case_types)]
                    struct SchemaSvc<T: Dbal>(pub Arc<T>);
                    impl<T: Dbal> tonic::server::UnaryService<super::SchemaRequest>
                    for SchemaSvc<T> {
                        type Response = super::Document;
                        type Future = BoxFuture<
                            tonic::Response<Self::Response>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::SchemaRequest>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Dbal>::schema(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = SchemaSvc(inner);
                        let codec = crate::grpc::codec::Codec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.unary(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/dbal.v1.Dbal/Capabilities" => {
                    #[allow(non_camel_case_types)]
                    struct CapabilitiesSvc<T: Dbal>(pub Arc<T>);
                    impl<T: Dbal> tonic::server::UnaryService<super::CapabilitiesRequest>
                    for CapabilitiesSvc<T> {
                        type Response = super::Document;
                        type Future = BoxFuture<
                            tonic::Response<Self::Response>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::CapabilitiesRequest>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Dbal>::capabilities(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = CapabilitiesSvc(inner);
                        let codec = crate::grpc::codec::Codec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.unary(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                _ => {
                    Box::pin(async move {
                        let mut response = http::Response::new(
                            tonic::body::Body::default(),
                        );
                        let headers = response.headers_mut();
                        headers
                            .insert(
                                tonic::Status::GRPC_STATUS,
                                (tonic::Code::Unimplemented as i32).into(),
                            );
                        headers
                            .insert(
                                http::header::CONTENT_TYPE,
                                tonic::metadata::GRPC_CONTENT_TYPE,
                            );
                        Ok(response)
                    })
                }
            }
        }
    }
    impl<T> Clone for DbalServer<T> {
        fn clone(&self) -> Self {
            let inner = self.inner.clone();
            Self {
                inner,
                accept_compression_encodings: self.accept_compression_encodings,
                send_compression_encodings: self.send_compression_encodings,
                max_decoding_message_size: self.max_decoding_message_size,
                max_encoding_message_size: self.max_encoding_message_size,
            }
        }
    }
    /// Generated gRPC service name
    pub const SERVICE_NAME: &str = "dbal.v1.Dbal";
    impl<T> tonic::server::NamedService for DbalServer<T> {
        const NAME: &'static str = SERVICE_NAME;
    }
}
