//! Messages as bytes. What cannot be read is the caller's fault, and told without a word of it: a decoder's own message
//! repeats names for each level of nesting.

use std::marker::PhantomData;

use prost::Message;
use tonic::Status;
use tonic::codec::{self, DecodeBuf, EncodeBuf};

/// Why a message could not be read.
pub const UNREADABLE: &str = "not a message of the service, or nested deeper than 100 messages";

/// Both ways.
#[derive(Clone, Copy, Debug)]
pub struct Codec<Out, In>(PhantomData<(Out, In)>);

impl<Out, In> Default for Codec<Out, In> {
    fn default() -> Self {
        Codec(PhantomData)
    }
}

impl<Out, In> codec::Codec for Codec<Out, In>
where
    Out: Message + Send + 'static,
    In: Message + Default + Send + 'static,
{
    type Encode = Out;
    type Decode = In;
    type Encoder = Encoder<Out>;
    type Decoder = Decoder<In>;

    fn encoder(&mut self) -> Encoder<Out> {
        Encoder(PhantomData)
    }

    fn decoder(&mut self) -> Decoder<In> {
        Decoder(PhantomData)
    }
}

/// Messages to bytes.
#[derive(Debug)]
pub struct Encoder<Out>(PhantomData<Out>);

impl<Out: Message> codec::Encoder for Encoder<Out> {
    type Item = Out;
    type Error = Status;

    fn encode(&mut self, message: Out, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.encode(out).map_err(|_| Status::internal("an answer could not be written"))
    }
}

/// Bytes to messages.
#[derive(Debug)]
pub struct Decoder<In>(PhantomData<In>);

impl<In: Message + Default> codec::Decoder for Decoder<In> {
    type Item = In;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<In>, Status> {
        In::decode(from).map(Some).map_err(|_| Status::invalid_argument(UNREADABLE))
    }
}
