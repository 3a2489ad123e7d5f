//! English: the words and phrases that captures take, by class.

pub(super) const CLASSES: &[(&str, &str)] = &[
    (
        "pet",
        "dog|cat|puppy|kitten|hamster|rabbit|parrot|horse|guinea pig|tortoise|turtle|ferret|\
         budgie|snake|goldfish|pony|bird|lizard",
    ),
    ("pets", "dogs|cats|puppies|kittens|hamsters|rabbits|horses|birds|parrots"),
    ("kids", "kids|kid|children|child|sons|son|daughters|daughter|boys|girls"),
    ("siblings", "brothers|brother|sisters|sister|siblings"),
    ("marital", "married|divorced|engaged|widowed|single|separated"),
    ("diet", "vegetarian|vegan|pescatarian|pescetarian|flexitarian|kosher|halal|keto"),
    (
        "trait",
        "pregnant|diabetic|asthmatic|epileptic|colour-blind|color-blind|colorblind|deaf|blind|\
         autistic|dyslexic|left-handed",
    ),
    (
        "illness",
        "asthma|diabetes|type 1 diabetes|type 2 diabetes|celiac disease|coeliac disease|\
         migraines|migraine|epilepsy|arthritis|adhd|autism|dyslexia|high blood pressure|\
         hypertension|depression|anxiety|insomnia|ibs|crohn's disease|eczema|hay fever|\
         sleep apnea|cancer|a heart condition|back pain|chronic pain|fibromyalgia|hypothyroidism|\
         lupus|tinnitus|anemia|anaemia|gout|psoriasis|endometriosis|pcos|parkinson's|dementia|\
         glaucoma|reflux|osteoporosis",
    ),
    (
        "medicine",
        "metformin|insulin|ibuprofen|aspirin|paracetamol|lisinopril|atorvastatin|levothyroxine|\
         omeprazole|antidepressants|sertraline|prozac|ritalin|adderall|blood thinners|warfarin|\
         statins|beta blockers|birth control|the pill|antibiotics|vitamin d|iron|magnesium|\
         melatonin|antihistamines|amlodipine|gabapentin|prednisone|losartan|creatine",
    ),
    ("status", "retired|unemployed|self-employed|freelance|freelancing"),
    (
        "field",
        "finance|it|marketing|sales|healthcare|education|construction|hospitality|retail|tech|\
         software|law|logistics|consulting|insurance|banking|research|hr|engineering|design|\
         advertising|publishing|agriculture|public health|real estate|biotech|cybersecurity|\
         data science",
    ),
    (
        "job",
        "teacher|nurse|doctor|physician|surgeon|dentist|engineer|developer|programmer|designer|\
         lawyer|accountant|manager|architect|scientist|researcher|professor|lecturer|student|\
         chef|cook|baker|waiter|waitress|barista|bartender|driver|pilot|electrician|plumber|\
         carpenter|mechanic|farmer|gardener|florist|journalist|writer|author|editor|translator|\
         photographer|musician|actor|actress|artist|painter|consultant|analyst|administrator|\
         technician|librarian|pharmacist|psychologist|therapist|physiotherapist|veterinarian|vet|\
         paramedic|firefighter|officer|soldier|cashier|salesman|realtor|recruiter|secretary|\
         receptionist|freelancer|contractor|founder|entrepreneur|ceo|cto|director|coach|\
         biologist|chemist|physicist|mathematician|statistician|economist|midwife|tailor|\
         hairdresser|butcher|barber|janitor|cleaner|nanny|tutor|trainer|judge|attorney|paralegal|\
         copywriter|marketer|sysadmin|devops|intern|postdoc|policeman|bookkeeper|radiologist|\
         cardiologist|social worker|truck driver",
    ),
    (
        "possession",
        "car|bike|bicycle|motorbike|motorcycle|house|flat|apartment|boat|van|laptop|phone|camera|\
         piano|guitar|violin|garden|greenhouse|printer|oven|pass|tent|drone|telescope|kayak|\
         sewing machine|tv|tablet|console|truck|scooter|machine|pan|instant pot|air fryer|grill|\
         visa|passport|subscription",
    ),
    ("os", "macos|windows|linux|ubuntu|debian|fedora|android|ios|arch|nixos|freebsd"),
    (
        "command",
        "answer|reply|respond|write|use|keep|add|include|show|explain|call|address|speak|put|format|start|end|ask|\
         suggest|recommend|mention|book|send|skip|avoid|tell|cite|translate|cook|schedule|check|commit|push|deploy|\
         delete|contact|round|convert|assume|provide|list|sort|prefer|wrap|run|test|propose|offer|quote|link|sign",
    ),
    ("length", "short|brief|concise|long|detailed|shorter|succinct|terse"),
    ("system", "metric|imperial"),
    (
        "tongue",
        "english|german|french|spanish|italian|portuguese|dutch|russian|chinese|mandarin|\
         japanese|korean|arabic|hindi|polish|turkish|swedish|ukrainian|greek",
    ),
    (
        "aim",
        "learn|become|run|move|build|start|lose|gain|save|buy|travel|visit|finish|improve|quit|\
         stop|read|publish|retire|study|eat|drink|sleep|exercise|open|launch|climb|train|reduce|\
         graduate|cut|pay|switch|renovate|write a novel|write a book|\
         write my|master|practise|practice|adopt|walk|swim|cycle",
    ),
    (
        "wish",
        "learn|become|run a marathon|run the marathon|run a half marathon|run a race|run an ultra|climb|lose weight|retire|graduate|master|adopt|travel the world|quit smoking|stop smoking",
    ),
    (
        "horizon",
        "this year|this summer|this winter|this spring|this autumn|next year|next summer|next winter|\
         next spring|next autumn|one day|some day|someday|eventually|by the summer|by the end of the year|\
         before i turn|before i retire|before we retire|in my life",
    ),
    (
        "occasion",
        "appointment|interview|exam|surgery|operation|flight|wedding|party|concert|deadline|\
         presentation|conference|trip|marathon|race|graduation|anniversary|visa|passport|lease|\
         contract|holiday|vacation|viewing|check-up|checkup|due date|recital|tournament|move|\
         first day|driving test|funeral|reunion|meeting|lesson|class|birthday|review",
    ),
    (
        "failure",
        "wrong|broke|broken|failed|fail|crashed|flat|lost|burned|burnt|shattered|bad|badly|\
         problem|problems|sick|work|wasted|regretted|late|stuck|mess|disaster|corrupted|missed|\
         hurt|worse|terrible|awful",
    ),
];
