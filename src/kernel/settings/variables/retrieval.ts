import {
  bool,
  csv,
  float,
  int,
  jsonObject,
  optionalCsv,
  optionalInt,
  optionalJsonObject,
  optionalPath,
  optionalText,
  text,
  url,
} from '../variable.ts';

export const ragExtraction = {
  CONTENT_EXTRACTION_ENGINE: text('', 'Document text extractor name; empty = built-in loaders', {
    key: 'rag.content_extraction_engine',
  }),
  CONTENT_EXTRACTION_SUPPORTED_MEDIA_MIME_TYPES: optionalCsv(
    'Comma list of media types also sent to the extractor; unset = null',
    { key: 'rag.content_extraction.supported_media_mime_types' },
  ),
  DATALAB_MARKER_API_KEY: text('', 'Datalab Marker API key', { key: 'rag.datalab_marker_api_key' }),
  DATALAB_MARKER_API_BASE_URL: url('', 'Datalab Marker URL', { key: 'rag.datalab_marker_api_base_url' }),
  DATALAB_MARKER_ADDITIONAL_CONFIG: text('', 'Datalab Marker extra JSON as text', {
    key: 'rag.datalab_marker_additional_config',
  }),
  DATALAB_MARKER_USE_LLM: bool(false, 'Datalab Marker: use its LLM', { key: 'rag.datalab_marker_use_llm' }),
  DATALAB_MARKER_SKIP_CACHE: bool(false, 'Datalab Marker: skip cache', { key: 'rag.datalab_marker_skip_cache' }),
  DATALAB_MARKER_FORCE_OCR: bool(false, 'Datalab Marker: force OCR', { key: 'rag.datalab_marker_force_ocr' }),
  DATALAB_MARKER_PAGINATE: bool(false, 'Datalab Marker: paginate output', { key: 'rag.datalab_marker_paginate' }),
  DATALAB_MARKER_STRIP_EXISTING_OCR: bool(false, 'Datalab Marker: redo existing OCR', {
    key: 'rag.datalab_marker_strip_existing_ocr',
  }),
  DATALAB_MARKER_DISABLE_IMAGE_EXTRACTION: bool(false, 'Datalab Marker: no images', {
    key: 'rag.datalab_marker_disable_image_extraction',
  }),
  DATALAB_MARKER_FORMAT_LINES: bool(false, 'Datalab Marker: format lines', { key: 'rag.datalab_marker_format_lines' }),
  DATALAB_MARKER_OUTPUT_FORMAT: text('markdown', 'Datalab Marker output format', {
    key: 'rag.datalab_marker_output_format',
  }),
  MINERU_API_MODE: text('local', 'MinerU mode: local or cloud', { key: 'rag.mineru_api_mode' }),
  MINERU_API_URL: url('http://localhost:8000', 'MinerU URL', { key: 'rag.mineru_api_url' }),
  MINERU_API_TIMEOUT: text('300', 'MinerU timeout seconds (text)', { key: 'rag.mineru_api_timeout' }),
  MINERU_API_KEY: text('', 'MinerU key', { key: 'rag.mineru_api_key' }),
  MINERU_PARAMS: jsonObject({}, 'MinerU JSON parameters', { key: 'rag.mineru_params', invalid: {} }),
  MINERU_FILE_EXTENSIONS: csv(['pdf'], 'Comma list of extensions sent to MinerU', {
    key: 'rag.mineru_file_extensions',
  }),
  MINERU_MAX_MARKDOWN_BYTES: optionalInt(null, 'Max bytes of MinerU markdown; unset = no cap'),
  EXTERNAL_DOCUMENT_LOADER_URL: url('', 'External loader URL', { key: 'rag.external_document_loader_url' }),
  EXTERNAL_DOCUMENT_LOADER_API_KEY: text('', 'External loader key', { key: 'rag.external_document_loader_api_key' }),
  EXTERNAL_DOCUMENT_LOADER_HEADERS: jsonObject({}, 'JSON object of extra headers for the external loader', {
    key: 'rag.external_document_loader_headers',
    invalid: {},
  }),
  TIKA_SERVER_URL: url('http://tika:9998', 'Tika URL', { key: 'rag.tika_server_url' }),
  TIKA_SERVER_VERSION: text('3', 'Tika major version (text)', { key: 'rag.tika_server_version' }),
  DOCLING_SERVER_URL: url('http://docling:5001', 'Docling URL', { key: 'rag.docling_server_url' }),
  DOCLING_API_KEY: text('', 'Docling key', { key: 'rag.docling_api_key' }),
  DOCLING_PARAMS: jsonObject({}, 'Docling JSON parameters', { key: 'rag.docling_params', invalid: {} }),
  DOCUMENT_INTELLIGENCE_ENDPOINT: url('', 'Azure Document Intelligence endpoint', {
    key: 'rag.document_intelligence_endpoint',
  }),
  DOCUMENT_INTELLIGENCE_KEY: text('', 'Azure Document Intelligence key', { key: 'rag.document_intelligence_key' }),
  DOCUMENT_INTELLIGENCE_MODEL: text('prebuilt-layout', 'Azure Document Intelligence model', {
    key: 'rag.document_intelligence_model',
  }),
  MISTRAL_OCR_API_BASE_URL: url('https://api.mistral.ai/v1', 'Mistral OCR URL', {
    key: 'rag.mistral_ocr_api_base_url',
  }),
  MISTRAL_OCR_API_KEY: text('', 'Mistral OCR key', { key: 'rag.mistral_ocr_api_key' }),
  MISTRAL_OCR_USE_BASE64: bool(false, 'Send documents inline to Mistral OCR', { key: 'rag.mistral_ocr_use_base64' }),
  PADDLEOCR_VL_BASE_URL: url('http://localhost:8080', 'PaddleOCR-VL URL', { key: 'rag.paddleocr_vl_base_url' }),
  PADDLEOCR_VL_TOKEN: text('', 'PaddleOCR-VL token', { key: 'rag.paddleocr_vl_token' }),
  PDF_EXTRACT_IMAGES: bool(false, 'OCR images inside PDFs with the built-in loader', { key: 'rag.pdf_extract_images' }),
  PDF_LOADER_MODE: text('page', 'page or single document per PDF', { key: 'rag.pdf_loader_mode' }),
  RAPIDOCR_PARAMS: jsonObject(
    { 'EngineConfig.onnxruntime.intra_op_num_threads': 1 },
    'JSON options of the OCR library; invalid = {}',
    { invalid: {} },
  ),
  ENABLE_RAG_CSV_SUMMARY: bool(false, 'Add a summary document when a CSV is loaded'),
  RAG_METADATA_MAX_VALUE_CHARS: optionalInt(
    null,
    'Max characters of a metadata value; default RAG_FILE_MAX_SIZE MB, else no cap',
  ),
};

export const rag = {
  BYPASS_EMBEDDING_AND_RETRIEVAL: bool(false, 'Use full file text, no embedding', {
    key: 'rag.bypass_embedding_and_retrieval',
  }),
  RAG_TOP_K: int(3, 'Chunks retrieved', { key: 'rag.top_k' }),
  RAG_TOP_K_RERANKER: int(3, 'Chunks kept after reranking', { key: 'rag.top_k_reranker' }),
  RAG_RELEVANCE_THRESHOLD: float(0, 'Minimum score', { key: 'rag.relevance_threshold' }),
  RAG_HYBRID_BM25_WEIGHT: float(0.5, 'Weight of keyword search in hybrid search', { key: 'rag.hybrid_bm25_weight' }),
  ENABLE_RAG_HYBRID_SEARCH: bool(false, 'Hybrid search with reranking', { key: 'rag.enable_hybrid_search' }),
  ENABLE_RAG_HYBRID_SEARCH_ENRICHED_TEXTS: bool(false, 'Index file names and headings with the text in hybrid search', {
    key: 'rag.enable_hybrid_search_enriched_texts',
  }),
  RAG_FULL_CONTEXT: bool(false, 'Always pass full documents', { key: 'rag.full_context' }),
  RAG_FILE_MAX_COUNT: optionalInt(null, 'Max files per chat; unset = no limit', { key: 'rag.file.max_count' }),
  RAG_FILE_MAX_SIZE: optionalInt(null, 'Max upload size in MB; unset = no limit', { key: 'rag.file.max_size' }),
  ENABLE_KNOWLEDGE_FILE_RETENTION: bool(false, 'Keep files when removed from a knowledge base'),
  RAG_FILE_CONTENT_SEARCH_MAX_CHARS: int(67108864, 'Max total characters scanned by knowledge content search'),
  FILE_IMAGE_COMPRESSION_WIDTH: optionalInt(null, 'UI scales images down to this width', {
    key: 'file.image_compression_width',
  }),
  FILE_IMAGE_COMPRESSION_HEIGHT: optionalInt(null, 'UI scales images down to this height', {
    key: 'file.image_compression_height',
  }),
  RAG_ALLOWED_FILE_EXTENSIONS: csv([], 'Comma list of allowed extensions; empty = all', {
    key: 'rag.file.allowed_extensions',
  }),
  RAG_SYSTEM_CONTEXT: bool(false, 'Put retrieved context in the system message instead of the user message'),
  RAG_SOURCE_METADATA_KEYS: csv([], 'Comma list of chunk metadata keys exposed in the source context'),
  RAG_TEXT_SPLITTER: text('', 'Splitter: empty/character, token, ..', { key: 'rag.text_splitter' }),
  ENABLE_MARKDOWN_HEADER_TEXT_SPLITTER: bool(true, 'Split on markdown headings first', {
    key: 'rag.enable_markdown_header_text_splitter',
  }),
  TIKTOKEN_ENCODING_NAME: text('cl100k_base', 'Tokenizer encoding', { key: 'rag.tiktoken_encoding_name' }),
  CHUNK_SIZE: int(1000, 'Chunk size', { key: 'rag.chunk_size' }),
  CHUNK_MIN_SIZE_TARGET: int(0, 'Merge chunks smaller than this; 0 = off', { key: 'rag.chunk_min_size_target' }),
  CHUNK_OVERLAP: int(100, 'Chunk overlap', { key: 'rag.chunk_overlap' }),
  RAG_TEMPLATE: text('', 'Prompt that wraps retrieved context', { key: 'rag.template' }),
};

export const embedding = {
  RAG_EMBEDDING_ENGINE: text('', 'Embedding engine: empty = local, ollama, openai, azure_openai', {
    key: 'rag.embedding_engine',
  }),
  RAG_EMBEDDING_MODEL: text('sentence-transformers/all-MiniLM-L6-v2', 'Embedding model', {
    key: 'rag.embedding_model',
  }),
  RAG_TOKENIZER_MODEL: text('', 'Tokenizer model for the token splitter; empty = tiktoken', {
    key: 'rag.tokenizer_model',
  }),
  RAG_EMBEDDING_MODEL_AUTO_UPDATE: bool(true, 'Update the local model from the hub; off when offline'),
  RAG_EMBEDDING_MODEL_TRUST_REMOTE_CODE: bool(true, 'Allow model repository code'),
  RAG_EMBEDDING_BATCH_SIZE: int(1, 'Texts per embedding request', {
    key: 'rag.embedding_batch_size',
    aliases: ['RAG_EMBEDDING_OPENAI_BATCH_SIZE'],
  }),
  RAG_EMBEDDING_OPENAI_BATCH_SIZE: int(1, 'Older name of RAG_EMBEDDING_BATCH_SIZE', {
    key: 'rag.embedding_batch_size',
  }),
  ENABLE_ASYNC_EMBEDDING: bool(true, 'Send embedding batches concurrently', { key: 'rag.enable_async_embedding' }),
  RAG_EMBEDDING_CONCURRENT_REQUESTS: int(0, 'Max concurrent embedding requests; 0 = unlimited', {
    key: 'rag.embedding_concurrent_requests',
  }),
  RAG_EMBEDDING_QUERY_PREFIX: optionalText('Text put before queries'),
  RAG_EMBEDDING_CONTENT_PREFIX: optionalText('Text put before documents'),
  RAG_EMBEDDING_PREFIX_FIELD_NAME: optionalText('JSON field for the prefix instead of prepending it'),
  RAG_EMBEDDING_TIMEOUT: optionalInt(null, 'Seconds for an embedding run; unset = none'),
  RAG_OPENAI_API_BASE_URL: url('https://api.openai.com/v1', 'Embedding URL for engine openai', {
    key: 'rag.openai.api_base_url',
  }),
  RAG_OPENAI_API_KEY: text(
    { computed: 'the key paired with https://api.openai.com/v1' },
    'Embedding key for engine openai',
    { key: 'rag.openai.api_key' },
  ),
  RAG_AZURE_OPENAI_BASE_URL: url('', 'Embedding URL for engine azure_openai', { key: 'rag.azure_openai.base_url' }),
  RAG_AZURE_OPENAI_API_KEY: text('', 'Embedding key for engine azure_openai', { key: 'rag.azure_openai.api_key' }),
  RAG_AZURE_OPENAI_API_VERSION: text('', 'API version for engine azure_openai', {
    key: 'rag.azure_openai.api_version',
  }),
  RAG_OLLAMA_BASE_URL: url({ computed: 'the first Ollama URL' }, 'Embedding URL for engine ollama', {
    key: 'rag.ollama.base_url',
  }),
  RAG_OLLAMA_API_KEY: text('', 'Embedding key for engine ollama', { key: 'rag.ollama.api_key' }),
  SENTENCE_TRANSFORMERS_HOME: optionalPath('Cache dir of local embedding models'),
  HF_HUB_CACHE: optionalPath('Fallback cache dir of local models'),
  SENTENCE_TRANSFORMERS_BACKEND: text('torch', 'torch, onnx or openvino for local embeddings'),
  SENTENCE_TRANSFORMERS_MODEL_KWARGS: optionalJsonObject('JSON model options for local embeddings', { invalid: null }),
};

export const reranking = {
  SENTENCE_TRANSFORMERS_CROSS_ENCODER_BACKEND: text('torch', 'torch, onnx or openvino for the local reranker'),
  SENTENCE_TRANSFORMERS_CROSS_ENCODER_MODEL_KWARGS: optionalJsonObject('JSON model options for the local reranker', {
    invalid: null,
  }),
  SENTENCE_TRANSFORMERS_CROSS_ENCODER_SIGMOID_ACTIVATION_FUNCTION: bool(true, 'Scale local reranker scores to 0..1'),
  RAG_RERANKING_ENGINE: text('', 'Empty = local, external = HTTP reranker', { key: 'rag.reranking_engine' }),
  RAG_RERANKING_MODEL: text('', 'Reranking model', { key: 'rag.reranking_model' }),
  RAG_RERANKING_MODEL_AUTO_UPDATE: bool(true, 'Update the local reranker from the hub; off when offline'),
  RAG_RERANKING_MODEL_TRUST_REMOTE_CODE: bool(true, 'Allow model repository code'),
  RAG_RERANKING_BATCH_SIZE: int(32, 'Pairs per reranking batch', { key: 'rag.reranking_batch_size' }),
  RAG_EXTERNAL_RERANKER_URL: url('', 'External reranker URL', { key: 'rag.external_reranker_url' }),
  RAG_EXTERNAL_RERANKER_API_KEY: text('', 'External reranker key', { key: 'rag.external_reranker_api_key' }),
  RAG_EXTERNAL_RERANKER_TIMEOUT: text('', 'External reranker timeout seconds (text)', {
    key: 'rag.external_reranker_timeout',
  }),
};
