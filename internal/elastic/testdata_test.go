package elastic_test

// bucket is the answer to get-buckets that Elastic documents, shortened to one
// bucket with a score of %v that begins at %d.
const bucket = `{"count":1,"buckets":[{"job_id":"low_request_rate","timestamp":%d,"anomaly_score":%v,"bucket_span":3600,
 "initial_anomaly_score":%[2]v,"event_count":1582,"is_interim":false,"bucket_influencers":[
  {"job_id":"low_request_rate","result_type":"bucket_influencer","influencer_field_name":"bucket_time","initial_anomaly_score":72.30,
   "anomaly_score":72.30,"raw_anomaly_score":3.1,"probability":0.000038,"timestamp":%[1]d,"bucket_span":3600,"is_interim":false}],
 "processing_time_ms":3,"result_type":"bucket"}]}`
